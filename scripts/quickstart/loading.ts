// Loads word vectors into a collection and waits for its indexes, each with a progress bar.
import { setTimeout as delay } from "node:timers/promises";
import { Presets, SingleBar } from "cli-progress";
import type { Collection } from "../../src/client/collection.js";
import { readWordVectors, type WordVector } from "./word-vectors.js";

/** Every so many words one is held out, as a query that the collection has not seen. */
const heldOutEvery = 300;
const batchRows = 1_000;
const batchesInFlight = 4;
/** A core builds the graph of some 1,000 rows a second. */
const indexedWithinMs = (rows: number) => 60_000 + rows * 2;

export interface Loaded {
  readonly heldOut: readonly WordVector[];
  readonly rows: number;
  readonly seconds: number;
  readonly lastAcknowledgedAtMs: number;
}

export function rowOf({ word, vector, rank }: WordVector) {
  return { word, vector, rank, length: Math.min(word.length, 127) };
}

/** `count` rows, a few batches at a time. */
export async function loadWords(words: Collection, file: string, count: number): Promise<Loaded> {
  const bar = progressBar(
    "loading {bar} {percentage}% | {value}/{total} rows | {eta_formatted} left",
  );
  const heldOut: WordVector[] = [];
  const flying = new Set<Promise<void>>();
  let batch: WordVector[] = [];
  let rows = 0;
  let acknowledged = 0;
  let startedAtMs = 0;
  bar.start(count, 0);
  const send = async (part: readonly WordVector[]) => {
    await words.insert(part.map(rowOf));
    acknowledged += part.length;
    bar.update(acknowledged);
  };
  const put = async () => {
    startedAtMs ||= performance.now();
    const sending = send(batch).finally(() => flying.delete(sending));
    flying.add(sending);
    batch = [];
    if (flying.size >= batchesInFlight) await Promise.race(flying);
  };
  for await (const entry of readWordVectors(file, wordsFor(count))) {
    if (entry.rank % heldOutEvery === heldOutEvery - 1) {
      heldOut.push(entry);
      continue;
    }
    batch.push(entry);
    rows += 1;
    if (batch.length === batchRows) await put();
  }
  if (batch.length > 0) await put();
  await Promise.all(flying);
  const lastAcknowledgedAtMs = performance.now();
  bar.stop();
  return {
    heldOut,
    rows,
    seconds: (lastAcknowledgedAtMs - startedAtMs) / 1_000,
    lastAcknowledgedAtMs,
  };
}

/** How many words to read so that `count` rows remain beside those held out. */
function wordsFor(count: number): number {
  return count + Math.floor((count - 1) / (heldOutEvery - 1));
}

export interface SegmentState {
  readonly growingRows: number;
  readonly storedRows: number;
  readonly segments: number;
  readonly indexedSegments: number;
}

export async function segmentsOf(words: Collection): Promise<SegmentState> {
  const { channels } = await words.describe();
  const sum = (field: keyof SegmentState) =>
    channels.reduce((total, channel) => total + channel[field], 0);
  return {
    growingRows: sum("growingRows"),
    storedRows: sum("storedRows"),
    segments: sum("segments"),
    indexedSegments: sum("indexedSegments"),
  };
}

/**
 * Waits until every segment has its index but for `tooSmall` ones that need none; returns when that
 * was seen. Segments may be merged meanwhile, so what counts is that none is without.
 */
export async function awaitIndexes(
  words: Collection,
  rows: number,
  tooSmall: number,
): Promise<number> {
  const bar = progressBar("indexing {bar} {value}/{total} segments | {duration_formatted}");
  const deadline = performance.now() + indexedWithinMs(rows);
  bar.start(1, 0);
  try {
    for (;;) {
      const { segments, indexedSegments } = await segmentsOf(words);
      bar.setTotal(Math.max(1, segments - tooSmall));
      bar.update(indexedSegments);
      if (indexedSegments >= segments - tooSmall) return performance.now();
      if (performance.now() > deadline) {
        throw new Error(`${indexedSegments} of ${segments} segments were indexed in time`);
      }
      await delay(250);
    }
  } finally {
    bar.stop();
  }
}

function progressBar(format: string): SingleBar {
  const noTTYOutput = !process.stdout.isTTY;
  return new SingleBar({ format, noTTYOutput, notTTYSchedule: 5_000 }, Presets.shades_classic);
}
