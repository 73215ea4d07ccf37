// A cluster for a measurement: the hosts of `elanus dev` with their default settings.
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Role } from "../../src/messages/records.js";
import { loadConfiguration } from "../../src/system/config.js";
import { type Cluster, startCluster } from "../cluster/cluster.js";

export interface BenchCluster extends Cluster {
  readonly directory: string;
  /** Of every process that runs. */
  readonly pids: readonly number[];
}

export interface ClusterOptions {
  /** Those of `elanus dev` when left out. */
  readonly hosts?: readonly (readonly Role[])[];
  /** What an earlier cluster of the name left behind is used again. */
  readonly keep?: boolean;
  /** Whether to wait for it; it may be this very time that is measured. */
  readonly untilReady?: boolean;
}

const directoryOf = (name: string) => join(".elanus", "bench", "clusters", name);

/** Nothing but defaults, whatever the environment of this process says. */
const environment = Object.fromEntries(
  ["SEARCH_THREADS", "BUILD_THREADS", "READS_MAX", "SESSION_TTL_MS", "LOG_BYTES_MAX"].map(
    (name) => [`ELANUS_${name}`, ""],
  ),
);

export async function startBenchCluster(
  name: string,
  { hosts, keep = false, untilReady = true }: ClusterOptions = {},
): Promise<BenchCluster> {
  const directory = directoryOf(name);
  if (!keep) rmSync(directory, { recursive: true, force: true });
  const roles = hosts ?? loadConfiguration({ flags: {}, environment: {}, file: undefined }).hosts;
  const plans = roles.map((some, place) => ({ name: `host-${place + 1}`, roles: some }));
  const cluster = await startCluster({
    profile: "embedded",
    directory,
    hosts: plans,
    environment: { ...environment, ELANUS_LOG_LEVEL: "warn" },
  });
  if (untilReady) await cluster.untilReady();
  return {
    ...cluster,
    directory,
    get pids() {
      return [...cluster.hosts, ...cluster.nats].flatMap(({ pid }) => pid ?? []);
    },
  };
}

/** As they are now, for when they run no more. */
export function hostsOf({ hosts }: Cluster) {
  return hosts.map(({ pid, roles }) => ({ pid, roles }));
}

export function removeCluster(name: string): void {
  rmSync(directoryOf(name), { recursive: true, force: true });
}
