// Pairs of crashes, many in one world: one at a point, one at what the recovery from it comes to.
import { type CrashDirector, restartsAfterMs } from "./crash-watch.js";

/** A first point, and the second ones that were tried with it. */
export interface TouredPoint {
  readonly point: string;
  readonly seconds: readonly string[];
  /** With the restart at once nothing new is met any more: now the process comes back late. */
  readonly isLate: boolean;
}

interface OpenPoint {
  readonly seconds: Set<string>;
  isLate: boolean;
}

/** Clients write and read what there is before the next pair. */
const settleMs = 400;
/** Nothing that is left to do was met for so long: another world may come to it. */
const quietMs = 20_000;
/** Another world goes on with what is left: one that ran for hours would say little of its end. */
const worldMsMax = 240_000;

/**
 * At whatever first point is met a process dies, and again at the first point met by the recovery
 * that was not tried with it. A first point is done when a recovery from it, with a restart at once
 * and with a late one, meets nothing new: so all pairs there are have been tried.
 */
export class PairTour implements CrashDirector {
  readonly #open = new Map<string, OpenPoint>();
  readonly #pairsMax: number;
  readonly done: TouredPoint[] = [];
  pairs = 0;
  #phase: "calm" | "once" | "twice" = "calm";
  #first = "";
  #calmFromMs = 0;
  #progressAtMs = 0;

  constructor(open: readonly TouredPoint[], pairsMax: number) {
    for (const { point, seconds, isLate } of open) {
      this.#open.set(point, { seconds: new Set(seconds), isLate });
    }
    this.#pairsMax = pairsMax;
  }

  /** What another world has to go on with. */
  get open(): readonly TouredPoint[] {
    return [...this.#open].map(([point, { seconds, isLate }]) => ({
      ...{ point, isLate },
      seconds: [...seconds],
    }));
  }

  /** For a violation: where the last process died. */
  get last(): string {
    return this.#first;
  }

  meets(point: string, nowMs: number): boolean {
    if (this.#phase === "calm") return this.#meetsFirst(point, nowMs);
    const seconds = this.#open.get(this.#first)?.seconds;
    if (this.#phase === "twice" || seconds === undefined || seconds.has(point)) return false;
    seconds.add(point);
    this.pairs += 1;
    this.#phase = "twice";
    return true;
  }

  #meetsFirst(point: string, nowMs: number): boolean {
    if (nowMs < this.#calmFromMs || this.#isOver() || !this.#open.has(point)) return false;
    this.#first = point;
    this.#phase = "once";
    return true;
  }

  restartAfterMs(): number {
    const [atOnce, late] = restartsAfterMs;
    return this.#open.get(this.#first)?.isLate === true ? late : atOnce;
  }

  recovered(nowMs: number): void {
    if (this.#phase === "once") this.#endBarren();
    this.#phase = "calm";
    this.#calmFromMs = nowMs + settleMs;
    this.#progressAtMs = nowMs;
  }

  #endBarren(): void {
    const open = this.#open.get(this.#first);
    if (open === undefined) return;
    if (!open.isLate) {
      open.isLate = true;
      return;
    }
    this.#open.delete(this.#first);
    this.done.push({ point: this.#first, seconds: [...open.seconds], isLate: true });
  }

  isEnough(nowMs: number): boolean {
    if (this.#phase !== "calm" || nowMs < this.#calmFromMs) return false;
    const isDue = nowMs > Math.min(this.#progressAtMs + quietMs, worldMsMax);
    return this.#isOver() || isDue;
  }

  #isOver(): boolean {
    return this.#open.size === 0 || this.pairs >= this.#pairsMax;
  }
}
