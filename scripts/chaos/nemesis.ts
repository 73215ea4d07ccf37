// Strikes by a seeded schedule, waits each time until all serves again, and notes how long.
import { setTimeout as delay } from "node:timers/promises";
import { createRandom } from "../../src/simulation/random.js";
import { percentile } from "../quickstart/measuring.js";
import { type Fault, pickFault, type Strike } from "./faults.js";

export interface NemesisSettings {
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** Asked before each fault. */
  isEnough(kills: number): boolean;
  /** A write and strong reads, begun now, of every channel; resolves when they were answered. */
  probe(): Promise<void>;
  /** Until this host, or for null whatever runs, may be struck without ending the service. */
  untilSpared(host: string | null): Promise<void>;
  /** Until it does all that it should; both reject when that takes more than a generous time. */
  untilWhole(host: string | null): Promise<void>;
  struck?(kind: string, kills: number): void;
  /** At most, between two faults. */
  readonly pauseMs: number;
  /** Stops the schedule between two faults. */
  readonly signal: AbortSignal;
}

export interface Recovery {
  readonly kind: string;
  /** From the strike until a write and strong reads begun after it were answered. */
  readonly servedMs: number;
  /** From the strike, the mending included, until what was struck was whole again. */
  readonly wholeMs: number;
}

export interface NemesisReport {
  readonly kills: number;
  readonly faults: number;
  readonly recoveries: readonly Recovery[];
  /** What did not come back; the schedule ends there. */
  readonly notRecovered: string | null;
}

/** The next fault comes while a host is on its way back, as long as others do what it does. */
export async function runNemesis(settings: NemesisSettings): Promise<NemesisReport> {
  const random = createRandom(settings.seed);
  const recoveries: Recovery[] = [];
  const mending: Promise<void>[] = [];
  let kills = 0;
  let notRecovered: string | null = null;
  const failed = (kind: string) => (error: unknown) => {
    notRecovered ??= `after ${kind}: ${(error as Error).message}`;
  };
  const isOver = () => notRecovered !== null || settings.signal.aborted;
  while (!isOver() && !settings.isEnough(kills)) {
    const fault = pickFault(settings.faults, random);
    const { kind } = fault;
    const aimed = fault.aim(createRandom(random.below(2 ** 31)));
    try {
      await settings.untilSpared(aimed.host);
      settings.struck?.(kind, kills);
      const { servedMs, whole } = await strike(aimed, settings);
      const note = (wholeMs: number) => void recoveries.push({ kind, servedMs, wholeMs });
      mending.push(whole.then(note, failed(kind)));
      kills += fault.kills;
    } catch (error) {
      failed(kind)(error);
    }
    await delay(random.below(settings.pauseMs), undefined, { signal: settings.signal }).catch(
      unlessAborted,
    );
  }
  await Promise.all(mending);
  return { kills, faults: recoveries.length, recoveries, notRecovered };
}

function unlessAborted(error: Error): void {
  if (error.name !== "AbortError") throw error;
}

async function strike(
  { host, run }: Strike,
  { probe, untilWhole }: NemesisSettings,
): Promise<{ readonly servedMs: number; readonly whole: Promise<number> }> {
  const struckAt = performance.now();
  const sinceMs = () => Math.round(performance.now() - struckAt);
  const striking = run((ms) => delay(ms));
  // The fault is there at once, its mending comes later.
  const serving = delay(5).then(probe).then(sinceMs);
  const [servedMs] = await Promise.all([serving, striking]);
  return { servedMs, whole: untilWhole(host).then(sinceMs) };
}

/** By kind of fault: how often, and how long it took. */
export function recoveryByKind(recoveries: readonly Recovery[]) {
  const kinds = [...new Set(recoveries.map(({ kind }) => kind))].sort();
  return Object.fromEntries(
    kinds.map((kind) => {
      const own = recoveries.filter((recovery) => recovery.kind === kind);
      const served = own.map(({ servedMs }) => servedMs);
      const p50Ms = percentile(served, 0.5);
      const p99Ms = percentile(served, 0.99);
      const wholeP50Ms = percentile(
        own.map(({ wholeMs }) => wholeMs),
        0.5,
      );
      return [kind, { times: own.length, p50Ms, p99Ms, wholeP50Ms }];
    }),
  );
}
