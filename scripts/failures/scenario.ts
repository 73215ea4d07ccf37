// A row of the table of failures: which processes there are, what fails, and what is allowed.
import type { ElanusClient } from "../../src/client/connect.js";
import type { Cluster } from "../cluster/cluster.js";
import type { HostPlan } from "../cluster/host-process.js";
import type { Profile } from "../cluster/parts.js";
import type { RequestKind } from "./load.js";

export interface Scenario {
  /** What `--only` takes. */
  readonly row: string;
  readonly title: string;
  readonly profile: Profile;
  readonly natsServers?: 1 | 3;
  readonly hosts: readonly HostPlan[];
  /** Of the collection: 2 when left out. */
  readonly replicas?: number;
  /** Of every host, over that of the scenarios. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly allowed: Allowed;
  /** Resolves when the failure and what it checks by itself are over. */
  strike(stage: Stage): Promise<readonly Finding[]>;
}

export interface Allowed {
  /** Requests that may fail, by default of all kinds together. */
  readonly failed: number;
  readonly failedOf?: readonly RequestKind[];
  readonly slowestMs?: number;
  /** From the failure to the last answer that failed or was slow. */
  readonly recoveryMs?: number;
}

export interface Stage {
  readonly cluster: Cluster;
  readonly client: ElanusClient;
  /** How long a host may be silent before others take over. */
  readonly sessionTtlMs: number;
  /** How long the object store is away, for instance: less where one has no time. */
  readonly isShort: boolean;
  /** Rows beside those of the load, all acknowledged when it resolves. */
  write(rows: number): Promise<void>;
  /** Now is when it fails: figures are taken from here on. */
  struck(): void;
  /** What is slow from here on is because of the repair, and does not count for the recovery. */
  repairing(): void;
}

/** One comparison of the table. */
export interface Finding {
  readonly what: string;
  readonly value: string;
  readonly allowed: string;
  readonly met: boolean;
  /** A time: it says something only of a machine that was calm before the failure. */
  readonly isTime?: boolean;
}

export const noMoreThan = (what: string, ms: number, allowedMs: number): Finding => ({
  what,
  value: seconds(ms),
  allowed: `<= ${seconds(allowedMs)}`,
  met: ms <= allowedMs,
  isTime: true,
});

export const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`;
