// Stops everything, takes away every local disk and the cache, starts again: the same answers?
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ElanusClient } from "../../src/client/connect.js";
import { createRandom } from "../../src/simulation/random.js";
import type { Cluster } from "../cluster/cluster.js";
import type { ChaosClient, ChaosCollection } from "./chaos-client.js";
import { scan } from "./final-audit.js";
import { dimension } from "./rows.js";
import { arrangement, untilSettled } from "./settling.js";

export interface ColdStartReport {
  readonly searches: number;
  /** Searches, exact ones, whose answer was another one. */
  readonly exactDifferences: number;
  /** Null when segments or indexes were others than before: then other answers are no fault. */
  readonly approximateDifferences: number | null;
  readonly rows: number;
  readonly rowDifferences: number;
  /** From the start of the first process until all was served. */
  readonly startMs: number;
}

interface Answers {
  readonly exact: readonly string[];
  readonly approximate: readonly string[];
  readonly rows: readonly string[];
  /** What approximate answers depend on; null when it moved while they were asked for. */
  readonly arrangement: string | null;
}

const limit = 10;
const consistency = "strong";
const collectionNames = ["keyed", "auto"] as const;
/** Dead rows may become old enough to be merged away between two questions. */
const triesMax = 3;

export async function coldStart(
  cluster: Cluster,
  directory: string,
  clients: { readonly typed: ElanusClient; readonly chaos: ChaosClient },
  searches: number,
): Promise<ColdStartReport> {
  for (const name of collectionNames) await clients.typed.collection(name).flush();
  const before = await steadyAnswersOf(clients, searches);
  await stopAll(cluster);
  wipeLocalDisks(join(directory, "data"));
  const startedAt = performance.now();
  await startAll(cluster);
  await cluster.untilReady();
  const startMs = Math.round(performance.now() - startedAt);
  const after = await steadyAnswersOf(clients, searches);
  const isSameState = before.arrangement !== null && before.arrangement === after.arrangement;
  return {
    searches: before.exact.length,
    exactDifferences: differences(before.exact, after.exact),
    approximateDifferences: isSameState ? differences(before.approximate, after.approximate) : null,
    rows: before.rows.length,
    rowDifferences: differences(before.rows, after.rows),
    startMs,
  };
}

async function stopAll(cluster: Cluster): Promise<void> {
  await Promise.all(cluster.hosts.map((host) => host.stop()));
  await Promise.all(serversOf(cluster).map((server) => server.stop()));
}

/** Redis keeps nothing on its disk: a restart empties it. */
function serversOf({ nats, etcd, s3, redis }: Cluster) {
  return [...nats, ...[etcd, s3, redis].flatMap((server) => server ?? [])];
}

async function startAll(cluster: Cluster): Promise<void> {
  const { hosts } = cluster;
  await Promise.all(serversOf(cluster).map((server) => server.restart()));
  await Promise.all(hosts.map((host) => host.restart()));
}

/** In the embedded profile the object store lies among them, and it stays. */
function wipeLocalDisks(dataDirectory: string): void {
  for (const name of readdirSync(dataDirectory)) {
    if (name === "objects") continue;
    rmSync(join(dataDirectory, name), { recursive: true, force: true });
  }
}

async function steadyAnswersOf(
  { typed, chaos }: { readonly typed: ElanusClient; readonly chaos: ChaosClient },
  searches: number,
): Promise<Answers> {
  for (let attempt = 1; ; attempt += 1) {
    const before = await untilSettled(typed);
    const answers = await answersOf(chaos, searches);
    const isSteady = before !== null && before === (await arrangement(typed));
    if (isSteady || attempt === triesMax) {
      return { ...answers, arrangement: isSteady ? before : null };
    }
  }
}

async function answersOf(
  chaos: ChaosClient,
  searches: number,
): Promise<Omit<Answers, "arrangement">> {
  const collections = collectionNames.map((name) => chaos.collection(name));
  const rows: string[] = [];
  for (const collection of collections) {
    rows.push(...(await scan(collection)).map((row) => JSON.stringify(row)));
  }
  const exact: string[] = [];
  const approximate: string[] = [];
  const random = createRandom(searches);
  for (let search = 0; search < searches; search++) {
    const vector = Float32Array.from({ length: dimension }, () => random.next() * 16);
    const collection = collections[search % collections.length] as ChaosCollection;
    const hits = (isExact: boolean) =>
      collection.search({ vector, limit, exact: isExact, consistency });
    exact.push(JSON.stringify(await hits(true)));
    approximate.push(JSON.stringify(await hits(false)));
  }
  return { exact, approximate, rows };
}

function differences(before: readonly string[], after: readonly string[]): number {
  const longest = Math.max(before.length, after.length);
  return Array.from({ length: longest }).filter((_, at) => before[at] !== after[at]).length;
}
