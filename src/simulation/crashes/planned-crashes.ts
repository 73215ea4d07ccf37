// Crashes by a plan: at the how-manieth meeting of which point, one after the other.
import type { Random } from "../random.js";
import { type CrashDirector, restartsAfterMs } from "./crash-watch.js";

export interface PlannedCrash {
  readonly point: string;
  /** The how-manieth time that the point is met since the crash before, from 1 on. */
  readonly hit: number;
}

export interface MetPoint {
  hits: number;
  readonly firstAtMs: number;
}

/** Clients go on for a while after a recovery. */
const afterRecoveryMs = 1_000;

export class PlannedCrashes implements CrashDirector {
  readonly #plan: readonly PlannedCrash[];
  /** What was met before the first crash, between it and the recovery from it, and so on. */
  readonly met: Map<string, MetPoint>[] = [new Map()];
  /** Since when the last crash is recovered from. */
  #recoveredAtMs: number | null = null;

  constructor(plan: readonly PlannedCrash[]) {
    this.#plan = plan;
  }

  get crashes(): number {
    return this.met.length - 1;
  }

  meets(point: string, nowMs: number): boolean {
    const met = this.met[this.crashes];
    if (this.#recoveredAtMs !== null || met === undefined) return false;
    const entry = met.get(point) ?? { hits: 0, firstAtMs: nowMs };
    entry.hits += 1;
    met.set(point, entry);
    const next = this.#plan[this.crashes];
    if (next?.point !== point || next.hit !== entry.hits) return false;
    this.met.push(new Map());
    return true;
  }

  restartAfterMs(random: Random): number {
    return random.pick(restartsAfterMs);
  }

  recovered(nowMs: number): void {
    this.#recoveredAtMs = nowMs;
  }

  isEnough(nowMs: number): boolean {
    return this.#recoveredAtMs !== null && nowMs > this.#recoveredAtMs + afterRecoveryMs;
  }
}
