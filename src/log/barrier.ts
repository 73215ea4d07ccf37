// The barrier that makes a read as young as it asks: a tick of the worker's own, read back from the
// log; or the log's last sequence, asked for, once all up to it was read.

/** When something happened: by the clock, and by the actor's count of the messages it applied. */
export interface Moment {
  readonly atMs: number;
  /** Tells before from after where the clock shows the same time for both. */
  readonly turn: number;
}

export const never: Moment = { atMs: Number.NEGATIVE_INFINITY, turn: -1 };

/** One barrier is in flight, one collects: reads that the flying one does not serve. */
export interface Barrier {
  /** When the newest barrier that was read back had been sent. */
  passed: Moment;
  /** `through`: what has to be read, once it is known, where no tick was sent. */
  inFlight: { readonly id: string; readonly sent: Moment; through: number | null } | null;
  next: number;
}

/** What a read needs: a barrier sent no earlier than its arrival, less the age it bears. */
export interface BarrierNeed {
  readonly arrived: Moment;
  readonly maxAgeMs: number;
}

export function createBarrier(): Barrier {
  return { passed: never, inFlight: null, next: 1 };
}

function serves(sent: Moment, need: BarrierNeed): boolean {
  if (sent.turn >= need.arrived.turn) return true;
  return need.maxAgeMs > 0 && sent.atMs >= need.arrived.atMs - need.maxAgeMs;
}

export function isPassed(barrier: Barrier, need: BarrierNeed): boolean {
  return serves(barrier.passed, need);
}

/** The id of a new barrier to append, or null while one is in flight. */
export function sendBarrier(barrier: Barrier, writer: string, now: Moment): string | null {
  if (barrier.inFlight !== null) return null;
  const id = `${writer}-${barrier.next++}`;
  barrier.inFlight = { id, sent: now, through: null };
  return id;
}

/** An entry with this request id was read back from the log. */
export function readBarrierBack(barrier: Barrier, request: string): boolean {
  if (barrier.inFlight?.id !== request) return false;
  barrier.passed = barrier.inFlight.sent;
  barrier.inFlight = null;
  return true;
}

/** All up to `position` has been read. */
export function reachBarrier(barrier: Barrier, position: number): void {
  const { inFlight } = barrier;
  if (inFlight === null || inFlight.through === null || position < inFlight.through) return;
  barrier.passed = inFlight.sent;
  barrier.inFlight = null;
}
