// A whole cluster under a test's control: its servers and hosts are processes that nobody mends.
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type ConnectOptions, connectElanus, type ElanusClient } from "../../src/client/connect.js";
import type { S3Server } from "../servers/s3.js";
import type { ServerProcess } from "../servers/server-process.js";
import { type HostPlan, type HostProcess, startHostProcess } from "./host-process.js";
import { type Parts, type Profile, startParts, type Through } from "./parts.js";
import { untilReady } from "./readiness.js";

export interface ClusterPlan {
  readonly profile: Profile;
  /** 3: a cluster of them, on which every log has three replicas; 1 when left out. */
  readonly natsServers?: 1 | 3;
  /** Its data, and what its processes say, a file each. */
  readonly directory: string;
  readonly hosts: readonly HostPlan[];
  /** Where all others find a server instead of at its own endpoint: behind a proxy. */
  readonly through?: Through;
  /** Of every host, over our own. */
  readonly environment?: NodeJS.ProcessEnv;
  /** In place of the command line of Elanus: a script with the `host` command. */
  readonly hostScript?: string;
}

export interface Cluster {
  readonly natsUrl: string;
  readonly nats: readonly ServerProcess[];
  /** Null in the embedded profile, as are the two that follow. */
  readonly etcd: ServerProcess | null;
  readonly s3: S3Server | null;
  readonly redis: ServerProcess | null;
  /** Also those that were killed, in the order of their start. */
  readonly hosts: readonly HostProcess[];
  addHost(plan: HostPlan): Promise<HostProcess>;
  /** Throws when there is no host of the name. */
  host(name: string): HostProcess;
  /** Closed with the cluster. */
  connect(options?: Partial<ConnectOptions>): Promise<ElanusClient>;
  /** All hosts that run take part, and every channel has its data worker and its replicas. */
  untilReady(): Promise<void>;
  stop(): Promise<void>;
}

/** The compiled one, also when a test runs this file as it is written. */
const isCompiled = import.meta.url.endsWith(".js");
const elanusScript = fileURLToPath(
  new URL(isCompiled ? "../elanus.js" : "../../dist/scripts/elanus.js", import.meta.url),
);

/** Two cores are to be enough for all of it. */
const environmentDefault = { ELANUS_SEARCH_THREADS: "1", ELANUS_LOG_LEVEL: "info" };

/** Resolves when its processes run; `untilReady` tells when they serve. */
export async function startCluster(plan: ClusterPlan): Promise<Cluster> {
  const directory = resolve(plan.directory);
  const dataDirectory = join(directory, "data");
  mkdirSync(dataDirectory, { recursive: true });
  const { profile, natsServers = 1, through = async (_, endpoint) => endpoint } = plan;
  const parts = await startParts(profile, natsServers, directory, through);
  const surroundings = {
    directory,
    script: plan.hostScript ?? elanusScript,
    options: ["--nats-url", parts.nats.url, "--data-dir", dataDirectory],
    environment: {
      ...process.env,
      ...environmentDefault,
      ...parts.environment,
      ...plan.environment,
    },
  };
  const hosts: HostProcess[] = [];
  const addHost = async (hostPlan: HostPlan) => {
    const host = await startHostProcess(hostPlan, surroundings);
    hosts.push(host);
    return host;
  };
  for (const hostPlan of plan.hosts) await addHost(hostPlan);
  return controlOf(parts, hosts, addHost);
}

function controlOf(
  parts: Parts,
  hosts: readonly HostProcess[],
  addHost: Cluster["addHost"],
): Cluster {
  const { etcd, s3, redis } = parts;
  const natsUrl = parts.nats.url;
  // Any of the servers will do, and one that is asked for later may be away.
  const url = natsUrl.split(",");
  const clients: ElanusClient[] = [];
  const connect: Cluster["connect"] = async (options = {}) => {
    const client = await connectElanus({ url, ...options });
    clients.push(client);
    return client;
  };
  return {
    ...{ natsUrl, nats: parts.nats.servers, etcd, s3, redis, hosts },
    addHost,
    connect,
    host(name) {
      const found = hosts.find((host) => host.name === name);
      if (found === undefined) throw new Error(`the cluster has no host '${name}'`);
      return found;
    },
    async untilReady() {
      const client = await connectElanus({ url });
      try {
        await untilReady(client, hosts);
      } finally {
        await client.close();
      }
    },
    async stop() {
      await Promise.all(clients.map((client) => client.close()));
      await Promise.all(hosts.map((host) => host.stop()));
      await parts.stop();
    },
  };
}
