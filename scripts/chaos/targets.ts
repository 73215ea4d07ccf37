// The processes of a cluster as victims of faults, and what stands between them.
import type { Cluster } from "../cluster/cluster.js";
import type { Targets, Victim } from "./faults.js";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.js";

/** Puts a proxy before every server that it is asked for; stopped by whoever has it. */
export class Proxies {
  /** By the kind of server. */
  readonly started = new Map<string, TcpProxy[]>();

  /** The URL of a proxy to the server at this URL. */
  async through(kind: string, endpoint: string): Promise<string> {
    const url = new URL(endpoint);
    const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
    this.started.set(kind, [...(this.started.get(kind) ?? []), proxy]);
    return `${url.protocol}//127.0.0.1:${proxy.port}`;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.started.values()].flat().map((proxy) => proxy.stop()));
  }
}

export function targetsOf(
  cluster: Cluster,
  proxies: Proxies,
  { spared, sessionTtlMs }: { readonly spared: readonly string[]; readonly sessionTtlMs: number },
): Targets {
  const { nats, etcd, s3, redis } = cluster;
  const single = Object.entries({ etcd, s3, redis }).flatMap(([kind, server]) =>
    server === null ? [] : [[kind, [server]] as const],
  );
  return {
    hosts: cluster.hosts.filter(({ name }) => !spared.includes(name)),
    servers: new Map<string, readonly Victim[]>([["nats", nats], ...single]),
    proxies: proxies.started,
    sessionTtlMs,
  };
}
