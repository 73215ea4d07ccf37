// A collection of the rows of a data set: made, filled, and waited for until it is indexed.
import { setTimeout as delay } from "node:timers/promises";
import type { Collection } from "../../src/client/collection.js";
import type { ElanusClient } from "../../src/client/connect.js";
import type { ChannelDescription, CollectionDescription } from "../../src/client/types.js";
import { quietMs } from "../../src/system/actor-table.js";
import { bucketOf, type DataSet, rowOf } from "./data-sets.js";
import { nowUs } from "./run.js";
import { processorSeconds } from "./usage.js";

export interface CollectionPlan {
  readonly name: string;
  readonly shards?: number;
  readonly replicas?: number;
  readonly sealRows?: number;
}

const batchRows = 1_000;
const batchesInFlight = 6;
const indexedWithinMs = (rows: number, dimension: number) => 120_000 + rows * dimension * 0.08;

export async function createFor(
  client: ElanusClient,
  set: DataSet,
  { name, shards = 1, replicas = 2, sealRows }: CollectionPlan,
): Promise<Collection> {
  await client.createCollection({
    name,
    shards,
    replicas,
    fields: [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "bucket", type: "Int32" },
      { name: "vector", type: "FloatVector", dimension: set.dimension, metric: "IP" },
    ],
    ...(sealRows === undefined ? {} : { thresholds: { sealRows } }),
  });
  return client.collection(name);
}

export interface Filled {
  readonly rowsPerSecond: number;
  readonly seconds: number;
  readonly startedAtMs: number;
  readonly windowUs: readonly [number, number];
}

/** Until the last row is acknowledged; a few batches are in flight. */
export async function fill(rows: Collection, set: DataSet): Promise<Filled> {
  const startedAtMs = performance.now();
  const startedAtUs = nowUs();
  let next = 0;
  const lane = async () => {
    while (next < set.rowCount) {
      const first = next;
      next += batchRows;
      await rows.insert(batchOf(set, first, Math.min(batchRows, set.rowCount - first)));
    }
  };
  await Promise.all(Array.from({ length: batchesInFlight }, lane));
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const windowUs = [startedAtUs, nowUs()] as const;
  return { rowsPerSecond: set.rowCount / seconds, seconds, startedAtMs, windowUs };
}

export function batchOf(set: DataSet, first: number, count: number) {
  return Array.from({ length: count }, (_, place) => {
    const row = first + place;
    return { id: BigInt(row), bucket: bucketOf(row), vector: rowOf(set, row) };
  });
}

/**
 * Seals and stores what is left, and waits until all segments that are large enough for an index
 * serve it. Returns when that was seen.
 */
export async function untilIndexed(rows: Collection, set: DataSet): Promise<number> {
  await rows.flush({ timeoutMs: 120_000 });
  const deadline = performance.now() + indexedWithinMs(set.rowCount, set.dimension);
  for (;;) {
    const description = await rows.describe();
    const missing = description.channels.map((channel) => missingIndexes(description, channel));
    if (description.channels.length > 0 && missing.every((count) => count <= 0)) {
      return performance.now();
    }
    if (performance.now() > deadline) throw new Error(`indexes were not built: ${missing}`);
    await delay(100);
  }
}

/** The last segment of a channel may be one that is scanned faster than searched by an index. */
function missingIndexes(
  { settings }: CollectionDescription,
  { growingRows, storedRows, segments, indexedSegments }: ChannelDescription,
): number {
  if (growingRows > 0 || segments === 0) return 1;
  const { sealRows, indexRowsMin } = settings.thresholds;
  const rest = storedRows % sealRows;
  return segments - indexedSegments - (rest > 0 && rest < indexRowsMin ? 1 : 0);
}

const quietWithinMs = 900_000;
/** Of a core; a profiler takes some of it, too. */
const quietShare = { plain: 0.1, profiled: 0.3 };

/** Waits until the last segments have been merged, which begins once nothing has changed lately. */
export const untilMerged = (pids: readonly number[]) => untilQuiet(pids, quietMs / 1_000 + 4);

/** Waits until nothing goes on for a few seconds, as the processes' use of the cores tells. */
export async function untilQuiet(pids: readonly number[], seconds = 3): Promise<void> {
  // Hosts are started with this process' own arguments.
  const isProfiled = process.execArgv.includes("--cpu-prof");
  const share = isProfiled ? quietShare.profiled : quietShare.plain;
  const deadline = performance.now() + quietWithinMs;
  for (let quietRounds = 0; quietRounds < seconds; ) {
    const before = processorSeconds(pids);
    await delay(1_000);
    const after = processorSeconds(pids);
    if (before === null || after === null) return;
    quietRounds = after - before < share ? quietRounds + 1 : 0;
    if (performance.now() > deadline) throw new Error("the cluster does not come to rest");
  }
}
