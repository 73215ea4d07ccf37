// The processes of a cluster as victims of faults, and what stands between them.
import type { Cluster } from "../cluster/cluster.js";
import type { Targets } from "./faults.js";

export function targetsOf(cluster: Cluster, sessionTtlMs: number): Targets {
  return {
    hosts: cluster.hosts,
    servers: new Map([["nats", cluster.nats]]),
    proxies: new Map(),
    sessionTtlMs,
  };
}
