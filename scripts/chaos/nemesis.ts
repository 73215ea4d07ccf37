// Strikes by a seeded schedule, waits each time until all serves again, and notes how long.
import { setTimeout as delay } from "node:timers/promises";
import { createRandom } from "../../src/simulation/random.js";
import { percentile } from "../quickstart/measuring.js";
import { type Fault, pickFault } from "./faults.js";

export interface NemesisSettings {
  readonly seed: number;
  readonly faults: readonly Fault[];
  /** Asked before each fault. */
  isEnough(kills: number): boolean;
  /** A write and strong reads, begun now, of every channel; resolves when they were answered. */
  probe(): Promise<void>;
  /** Rejects when something is still missing after a generous time. */
  untilReady(): Promise<void>;
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
  /** From the strike, the mending included, until every worker was back. */
  readonly wholeMs: number;
}

export interface NemesisReport {
  readonly kills: number;
  readonly faults: number;
  readonly recoveries: readonly Recovery[];
  /** What did not come back; the schedule ends there. */
  readonly notRecovered: string | null;
}

export async function runNemesis(settings: NemesisSettings): Promise<NemesisReport> {
  const random = createRandom(settings.seed);
  const recoveries: Recovery[] = [];
  let kills = 0;
  let notRecovered: string | null = null;
  while (!settings.isEnough(kills) && !settings.signal.aborted) {
    const fault = pickFault(settings.faults, random);
    settings.struck?.(fault.kind, kills);
    try {
      recoveries.push(await strike(fault, createRandom(random.below(2 ** 31)), settings));
    } catch (error) {
      notRecovered = `after ${fault.kind}: ${(error as Error).message}`;
      break;
    }
    kills += fault.kills;
    await delay(random.below(settings.pauseMs));
  }
  return { kills, faults: recoveries.length, recoveries, notRecovered };
}

async function strike(
  fault: Fault,
  random: ReturnType<typeof createRandom>,
  { probe, untilReady }: NemesisSettings,
): Promise<Recovery> {
  const struckAt = performance.now();
  const sinceMs = () => performance.now() - struckAt;
  const striking = fault.strike(random, (ms) => delay(ms));
  // The fault is there at once, its mending comes later.
  const serving = delay(5).then(probe).then(sinceMs);
  const [servedMs] = await Promise.all([serving, striking]);
  await untilReady();
  return { kind: fault.kind, servedMs: Math.round(servedMs), wholeMs: Math.round(sinceMs()) };
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
