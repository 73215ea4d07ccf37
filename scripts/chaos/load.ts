// The load of a run: its collections, its clients of both sorts, and whether they ask enough.
import { setTimeout as delay } from "node:timers/promises";
import type { ElanusClient } from "../../src/client/connect.js";
import type { CollectionDefinition, FieldDefinition } from "../../src/client/types.js";
import { createRandom } from "../../src/simulation/random.js";
import { connectNats } from "../../src/system/nats.js";
import { type ChaosClient, typedClient } from "./chaos-client.js";
import { Lane } from "./lane.js";
import { rawClient } from "./raw-client.js";
import { flushNowAndThen, Reader } from "./reader.js";
import { dimension } from "./rows.js";
import type { RunState } from "./run-state.js";

const lanesOfTyped = 3;
const lanesOfRaw = 2;
const pauseMs = { lane: 60, reader: 25 };
/** Below this a run proves nothing: in the last moments before the faults begin. */
const minimum = { rowsPerSecond: 40, readsPerSecond: 4, overMs: 4_000, looks: 6 };

const fields: readonly FieldDefinition[] = [
  { name: "id", type: "Int64", primaryKey: true },
  { name: "key", type: "Int64" },
  { name: "owner", type: "Int32" },
  { name: "write", type: "Int64" },
  { name: "v", type: "FloatVector", dimension, metric: "L2" },
];

/** Small enough that segments are sealed, indexed and merged all the time. */
const settings = {
  ...{ shards: 2, replicas: 2, asOfWindow: 5_000 },
  thresholds: { sealRows: 300, sealAgeMs: 4_000, indexRowsMin: 100, mergeBytes: 256 * 1024 },
};

export type CollectionSettings = Omit<CollectionDefinition, "name" | "fields">;

export async function createCollections(
  client: ElanusClient,
  given: CollectionSettings = settings,
): Promise<void> {
  for (const name of ["keyed", "auto"] as const) await createCollection(client, name, given);
}

export async function createCollection(
  client: ElanusClient,
  name: "keyed" | "auto",
  given: CollectionSettings,
): Promise<void> {
  const autoId = name === "auto";
  const own = fields.map((field) => (field.primaryKey && autoId ? { ...field, autoId } : field));
  await client.createCollection({ name, fields: own, ...given }, { timeoutMs: 60_000 });
}

export interface Load {
  /** Not used by the load itself. */
  readonly spare: ChaosClient;
  /** Resolves when all have ended their last request. */
  readonly running: Promise<unknown>;
}

export async function startLoad(
  state: RunState,
  url: string,
  connect: () => Promise<ElanusClient>,
  { seed, deletesOfTen }: { readonly seed: number; readonly deletesOfTen: number },
): Promise<Load> {
  const typed = typedClient(await connect());
  const link = await connectNats({ servers: url, name: "chaos-raw", waitForServer: false });
  const raw = rawClient(link);
  const lane = (client: ChaosClient, owner: number) => {
    const random = createRandom(seed * 100 + owner);
    return new Lane(state, client, { owner, random, pauseMs: pauseMs.lane, deletesOfTen }).run();
  };
  const reader = (client: ChaosClient, number: number) =>
    new Reader(state, client, createRandom(seed * 100 + 50 + number), pauseMs.reader).run();
  const readerOfTyped = typedClient(await connect());
  const all = [
    ...Array.from({ length: lanesOfTyped }, (_, number) => lane(typed, 1 + number)),
    ...Array.from({ length: lanesOfRaw }, (_, number) => lane(raw, 11 + number)),
    reader(readerOfTyped, 1),
    reader(raw, 2),
    flushNowAndThen(state, readerOfTyped),
  ];
  const running = Promise.all(all).finally(() => link.close());
  return { spare: typedClient(await connect()), running };
}

/** Null as soon as the load is one that faults can be tried on, else what was wrong with it. */
export async function shortOfLoad(state: RunState): Promise<string | null> {
  let short = "";
  for (let look = 0; look < minimum.looks; look += 1) {
    const before = { rows: state.acknowledged, reads: state.reads };
    await delay(minimum.overMs);
    const seconds = minimum.overMs / 1_000;
    const rows = (state.acknowledged - before.rows) / seconds;
    const reads = (state.reads - before.reads) / seconds;
    if (rows >= minimum.rowsPerSecond && reads >= minimum.readsPerSecond) return null;
    short = `the load was ${rows.toFixed(1)} rows/s and ${reads.toFixed(1)} reads/s`;
  }
  return `${short}, not ${minimum.rowsPerSecond} rows/s and ${minimum.readsPerSecond} reads/s`;
}
