// Virtual time: events in the order of their times, and of their making where times are equal.

export interface Schedule {
  readonly nowMs: number;
  /** Runs `event` in `delayMs` of virtual time. */
  after(delayMs: number, event: () => void | Promise<void>): void;
  /** Runs the next event; false when there is none. A promise only where the event made one. */
  step(): boolean | Promise<boolean>;
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly event: () => void | Promise<void>;
}

export function createSchedule(): Schedule {
  const heap: Entry[] = [];
  let nowMs = 0;
  let made = 0;
  return {
    get nowMs() {
      return nowMs;
    },
    after(delayMs, event) {
      push(heap, { atMs: nowMs + Math.max(0, delayMs), order: made++, event });
    },
    step() {
      const entry = pop(heap);
      if (entry === undefined) return false;
      nowMs = entry.atMs;
      const running = entry.event();
      return running === undefined ? true : running.then(() => true);
    },
  };
}

const isBefore = (a: Entry, b: Entry) =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Entry;
    if (!isBefore(entry, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): Entry | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    const child = smallerChild(heap, at);
    const below = heap[child];
    if (below === undefined || !isBefore(below, last)) break;
    heap[at] = below;
    at = child;
  }
  heap[at] = last;
  return first;
}

function smallerChild(heap: readonly Entry[], at: number): number {
  const left = 2 * at + 1;
  const [one, other] = [heap[left], heap[left + 1]];
  return one !== undefined && other !== undefined && isBefore(other, one) ? left + 1 : left;
}
