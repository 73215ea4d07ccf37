// What a cluster holds at one moment: memory, descriptors, streams, consumers, keys and objects.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { NatsLink } from "../../src/system/nats.js";
import type { Cluster } from "../cluster/cluster.js";
import type { Sample } from "./trends.js";

const pageBytes = 4_096;
const mebibyte = 1024 * 1024;

/** Leaves out what cannot be read just now, for instance while NATS is down. */
export async function sampleOf(
  cluster: Cluster,
  directory: string,
  link: NatsLink,
): Promise<Sample> {
  return {
    ...sampleOfProcesses(cluster),
    ...(await sampleOfJetStream(link)),
    objects: filesBelow(join(directory, "data", "objects")),
  };
}

/** Of Linux; elsewhere there is no /proc, and no such figures. */
function sampleOfProcesses({ hosts, nats }: Cluster): Sample {
  const all = [...hosts, ...nats];
  const figures: Record<string, number> = {};
  for (const { name, pid } of all) {
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
  const result = await link.request("$JS.API.STREAM.LIST", Buffer.from("{}"));
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

function filesBelow(directory: string): number {
  if (!existsSync(directory)) return 0;
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
}
