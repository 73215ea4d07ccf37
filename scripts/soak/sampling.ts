// What a cluster holds at one moment: memory, descriptors, streams, consumers, keys and objects.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UnavailableError } from "../../src/storage/errors.js";
import { openMetadata } from "../../src/system/metadata-location.js";
import { connectNats, type NatsLink } from "../../src/system/nats.js";
import {
  type ObjectStoreLocation,
  openObjectStore,
} from "../../src/system/object-store-location.js";
import type { Cluster } from "../cluster/cluster.js";
import { StoredObjects } from "./stored-objects.js";
import type { Sample } from "./trends.js";

const pageBytes = 4_096;
const mebibyte = 1024 * 1024;
const answerWithinMs = 2_000;

export interface Sampler {
  /** Leaves out what cannot be read just now, for instance while NATS is down. */
  sample(): Promise<Sample>;
  close(): Promise<void>;
}

/** `graceMs`: unnamed objects that are older count as orphans. */
export async function openSampler(
  cluster: Cluster,
  directory: string,
  graceMs: number,
): Promise<Sampler> {
  const { natsUrl: servers, etcd, s3 } = cluster;
  const link = await connectNats({ servers, name: "soak", waitForServer: true });
  const metadata = await openMetadata(link, {
    etcd: etcd === null ? null : { endpoints: [etcd.endpoint], cluster: "default" },
    report: () => undefined,
    replaced: (why) => {
      throw new Error(why);
    },
  });
  if (s3 !== null) {
    process.env.AWS_ACCESS_KEY_ID = s3.credentials.accessKeyId;
    process.env.AWS_SECRET_ACCESS_KEY = s3.credentials.secretAccessKey;
  }
  const objects = await openObjectStore(locationOf(s3, directory));
  const stored = new StoredObjects(objects, metadata.store, graceMs);
  return {
    sample: async () => ({
      ...sampleOfProcesses(cluster),
      ...(await sampleOfJetStream(link)),
      ...(etcd === null ? {} : await sampleOfEtcd(etcd.endpoint)),
      ...(await sampleOfObjects(stored)),
    }),
    async close() {
      metadata.close();
      await link.close();
    },
  };
}

function locationOf(s3: Cluster["s3"], directory: string): ObjectStoreLocation {
  if (s3 === null) return { kind: "file", root: join(directory, "data", "objects") };
  const { bucket, endpoint } = s3;
  return { kind: "s3", bucket, prefix: "elanus", region: "us-east-1", endpoint };
}

/** Of Linux; elsewhere there is no /proc, and no such figures. */
function sampleOfProcesses({ hosts, nats }: Cluster): Sample {
  const figures: Record<string, number> = {};
  for (const { name, pid } of [...hosts, ...nats]) {
    if (pid === undefined || !existsSync(`/proc/${pid}/statm`)) continue;
    const [, pages = "0"] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
    figures[`mebibytes ${name}`] = (Number(pages) * pageBytes) / mebibyte;
    figures[`descriptors ${name}`] = readdirSync(`/proc/${pid}/fd`).length;
  }
  return figures;
}

interface ListedStream {
  readonly config: { readonly name: string };
  readonly state: { readonly consumer_count: number; readonly num_subjects?: number };
}

async function sampleOfJetStream(link: NatsLink): Promise<Sample> {
  const timeoutMs = answerWithinMs;
  const result = await link.request("$JS.API.STREAM.LIST", Buffer.from("{}"), { timeoutMs });
  if (result.kind !== "ok") return {};
  const { streams } = JSON.parse(Buffer.from(result.message.body).toString("utf8"));
  if (!Array.isArray(streams)) return {};
  const listed: readonly ListedStream[] = streams;
  const buckets = listed.filter(({ config }) => config.name.startsWith("KV_"));
  return {
    streams: listed.length,
    consumers: listed.reduce((sum, { state }) => sum + state.consumer_count, 0),
    "metadata keys": buckets.reduce((sum, { state }) => sum + (state.num_subjects ?? 0), 0),
  };
}

/** A zero byte as both ends of a range means all keys. */
const allKeys = { key: "AA==", range_end: "AA==", count_only: true };

async function sampleOfEtcd(endpoint: string): Promise<Sample> {
  const ask = async (path: string, body: object) => {
    const signal = AbortSignal.timeout(answerWithinMs);
    const request = { method: "POST", body: JSON.stringify(body), signal };
    return (await (await fetch(`${endpoint}/v3/${path}`, request)).json()) as EtcdAnswer;
  };
  try {
    const keys = await ask("kv/range", allKeys);
    const leases = await ask("lease/leases", {});
    return { "etcd keys": Number(keys.count ?? 0), "etcd leases": leases.leases?.length ?? 0 };
  } catch {
    return {};
  }
}

interface EtcdAnswer {
  readonly count?: string;
  readonly leases?: readonly unknown[];
}

async function sampleOfObjects(stored: StoredObjects): Promise<Sample> {
  try {
    const { objects, orphans } = await stored.look(performance.now());
    return { objects, orphans };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    return {};
  }
}
