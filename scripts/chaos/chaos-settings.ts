// What a run of chaos is asked to do, and what it has to say at its end.

import type { Cluster } from "../cluster/cluster.js";
import type { ColdStartReport } from "./cold-start.js";
import type { Violation, ViolationCounts } from "./findings.js";
import type { recoveryByKind } from "./nemesis.js";
import type { Failure } from "./run-state.js";

export interface ChaosSettings {
  /** It goes on until all of these are reached. */
  readonly kills: number;
  /** Acknowledged; one for each row of a write, and for each key of a delete. */
  readonly writes: number;
  /** How often a query worker took a newer manifest in. */
  readonly handOvers: number;
  /** And so long, from the first fault on. */
  readonly seconds: number;
  /** At most, between two faults. */
  readonly pauseMs: number;
  readonly seed: number;
  readonly profile: "embedded" | "cluster";
  readonly natsServers: 1 | 3;
  /** Kinds of faults, or beginnings of their names; empty for all. */
  readonly only: readonly string[];
  /** Names of hosts that no fault strikes by themselves. */
  readonly spared: readonly string[];
  /** Searches that are compared before and after everything was stopped; 0: it is not. */
  readonly coldStartSearches: number;
  readonly sessionTtlMs: number;
  /** A lane's deletes in ten writes. */
  readonly deletesOfTen: number;
  /** A script with the `host` command in place of that of Elanus, and its environment. */
  readonly hostScript?: string | undefined;
  readonly hostEnvironment?: Readonly<Record<string, string>> | undefined;
  /** Ends it between two faults; what was done until then is checked and reported. */
  readonly signal?: AbortSignal | undefined;
  progress?(progress: Progress): void;
  /** Called when the faults begin, awaited when they are over. */
  watch?(watched: Watched): Promise<void>;
}

export interface Watched {
  readonly cluster: Cluster;
  readonly directory: string;
  isOver(): boolean;
}

export interface Progress {
  readonly phase: string;
  readonly kills: number;
  readonly writes: number;
  readonly handOvers: number;
  readonly violations: number;
}

export const chaosDefaults = {
  ...{
    kills: 20,
    writes: 5_000,
    handOvers: 0,
    seconds: 0,
    pauseMs: 400,
    seed: 1,
    profile: "embedded",
    natsServers: 1,
  },
  ...{ only: [], spared: [], coldStartSearches: 1_000, sessionTtlMs: 3_000, deletesOfTen: 3 },
} as const satisfies ChaosSettings;

export interface ChaosReport extends ViolationCounts {
  readonly kills: number;
  readonly faults: number;
  /** Attempted; as `acknowledged` and `unknown` in rows. */
  readonly writes: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly reads: number;
  readonly handOvers: number;
  /** Requests that ended with an error after the clients' retries, and by kind and code. */
  readonly failedRequests: number;
  readonly failedByKind: Readonly<Record<string, number>>;
  /** Over all kinds but flush, and of each kind. */
  readonly longestGapMs: number;
  readonly longestGapsMs: Readonly<Record<string, number>>;
  readonly recovery: {
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly byFault: ReturnType<typeof recoveryByKind>;
  };
  readonly coldStart: ColdStartReport | null;
  readonly seconds: number;
  readonly seed: number;
  readonly profile: string;
  readonly violations: readonly Violation[];
  readonly failures: readonly Failure[];
  /** What did not come back after a fault, or did not answer the last scan. */
  readonly notRecovered: string | null;
  /** Why the run proves nothing: too little load before the faults began. */
  readonly refused: string | null;
  /** Of the data and the logs: kept unless all was well. */
  readonly directory: string | null;
}

export function isClean(report: ChaosReport): boolean {
  return report.notRecovered === null && report.violations.length === 0 && isSameCold(report);
}

function isSameCold({ coldStart }: ChaosReport): boolean {
  if (coldStart === null) return true;
  const { exactDifferences, approximateDifferences, rowDifferences } = coldStart;
  return exactDifferences + (approximateDifferences ?? 0) + rowDifferences === 0;
}
