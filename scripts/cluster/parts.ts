// The servers that a cluster under control stands on, and how its hosts are told of them.
import { join } from "node:path";
import { startEtcd } from "../servers/etcd.js";
import { type NatsServers, startNats } from "../servers/nats.js";
import { startRedis } from "../servers/redis.js";
import { type S3Server, startS3 } from "../servers/s3.js";
import type { ServerProcess } from "../servers/server-process.js";

/** embedded: one nats-server that also keeps the metadata, and a folder; cluster: all of them. */
export type Profile = "embedded" | "cluster";

export interface Parts {
  readonly nats: NatsServers;
  readonly etcd: ServerProcess | null;
  readonly s3: S3Server | null;
  readonly redis: ServerProcess | null;
  /** For the hosts. */
  readonly environment: NodeJS.ProcessEnv;
  stop(): Promise<void>;
}

/** Of a server of this kind at this URL, the URL that others are told. */
export type Through = (kind: "nats" | "etcd" | "s3" | "redis", endpoint: string) => Promise<string>;

export async function startParts(
  profile: Profile,
  natsServers: 1 | 3,
  directory: string,
  through: Through,
): Promise<Parts> {
  const started = await startNats({ directory: join(directory, "nats"), servers: natsServers });
  const urls = started.servers.map(({ endpoint }) => through("nats", endpoint));
  const nats = { ...started, url: (await Promise.all(urls)).join(",") };
  const environment = { ELANUS_REPLICAS: String(natsServers) };
  if (profile === "embedded") {
    return { nats, etcd: null, s3: null, redis: null, environment, stop: () => nats.stop() };
  }
  const [etcd, s3, redis] = await Promise.all([
    startEtcd({ directory: join(directory, "etcd") }),
    startS3({ directory: join(directory, "s3") }),
    startRedis({ directory: join(directory, "redis") }),
  ]);
  return {
    ...{ nats, etcd, s3, redis },
    environment: {
      ...environment,
      ELANUS_METADATA_URL: await through("etcd", etcd.endpoint),
      ELANUS_OBJECTS_URL: `s3://${s3.bucket}/elanus`,
      ELANUS_S3_ENDPOINT: await through("s3", s3.endpoint),
      AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
      ELANUS_CACHE_URL: await through("redis", redis.endpoint),
      ELANUS_CACHE_SECRET: "only of this cluster, for tests",
    },
    async stop() {
      await Promise.all([nats, etcd, s3, redis].map((part) => part.stop()));
    },
  };
}
