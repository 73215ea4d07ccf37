// Reduces what several search threads found of one read to the answer of all of them.
import type { RowBatch } from "../rows/columns.js";
import { allRows, pickRows } from "../rows/pick-rows.js";
import { encodeRowBatch } from "../rows/row-batch-codec.js";
import type { ComputeResult } from "../system/compute.js";
import { firstInOrder, type IsBefore } from "./first-in-order.js";
import { keyColumnOf, orderByKey } from "./key-columns.js";
import { type Invalid, nothingFound, type ScanJob, type SearchJob } from "./run-reads.js";
import type { ScanPart } from "./scan-ranges.js";
import type { SearchPart } from "./search-ranges.js";

/** What one thread answers of a read that several share. */
export type ReadPart = SearchPart | ScanPart | Invalid;

/** The `limit` nearest of each query; among equally near rows the one born first. */
export function mergeSearchParts(parts: readonly SearchPart[], limit: number): SearchPart {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const distances = parts.flatMap((part) => [...part.distances]);
  const births = parts.flatMap((part) => [...part.births]);
  const isNearer = nearness(distances, births);
  const counts: number[] = [];
  const chosen: number[] = [];
  for (const hits of hitsByQuery(parts)) {
    const order = firstInOrder(hits.length, limit, (a, b) =>
      isNearer(hits[a] as number, hits[b] as number),
    );
    counts.push(order.length);
    for (const place of order) chosen.push(hits[place] as number);
  }
  return {
    counts,
    distances: Float64Array.from(chosen, (hit) => distances[hit] as number),
    births: Float64Array.from(chosen, (hit) => births[hit] as number),
    rows: rowsOf(parts, chosen),
  };
}

function nearness(distances: readonly number[], births: readonly number[]): IsBefore {
  return (a, b) => {
    const difference = (distances[a] as number) - (distances[b] as number);
    if (difference !== 0) return difference < 0;
    const age = (births[a] as number) - (births[b] as number);
    return age === 0 ? a < b : age < 0;
  };
}

/** For each query its hits in all parts; hits are numbered through, part by part. */
function hitsByQuery(parts: readonly SearchPart[]): readonly number[][] {
  const queries: number[][] = (parts[0]?.counts ?? []).map(() => []);
  let next = 0;
  for (const { counts } of parts) {
    for (const [query, count] of counts.entries()) {
      for (let hit = 0; hit < count; hit += 1) queries[query]?.push(next++);
    }
  }
  return queries;
}

function rowsOf(parts: readonly SearchPart[], hits: readonly number[]): RowBatch | null {
  const batches = batchesOf(parts);
  if (hits.length === 0) return null;
  const all = allRows(batches);
  const sources = Uint32Array.from(hits, (hit) => all.sources[hit] as number);
  const positions = Uint32Array.from(hits, (hit) => all.positions[hit] as number);
  return pickRows(batches, { sources, positions });
}

function batchesOf(parts: readonly { readonly rows: RowBatch | null }[]): RowBatch[] {
  return parts.flatMap(({ rows }) => (rows === null ? [] : [rows]));
}

/** The first `limit` rows by ascending key (null: all), or the sum of the counts. */
export function mergeScanParts(
  parts: readonly ScanPart[],
  keyField: string,
  limit: number | null,
): ScanPart {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const batches = batchesOf(parts);
  if (batches.length === 0) {
    return { count: parts.reduce((sum, part) => sum + part.count, 0), rows: null };
  }
  const columns = batches.map((batch) => keyColumnOf(batch.columns, keyField));
  const rows = pickRows(batches, orderByKey(columns, allRows(batches), limit));
  return { count: rows.count, rows };
}

/** The answer to `job`, of which each part was done by another thread. */
export function mergeRead(
  job: SearchJob | ScanJob,
  parts: readonly ReadPart[],
  keyField: string,
): ComputeResult {
  const refused = parts.find((part) => "kind" in part);
  if (refused !== undefined) return refused as Invalid;
  if (job.kind === "scan") {
    return scannedResult(mergeScanParts(parts as readonly ScanPart[], keyField, job.limit));
  }
  const found = parts.length === 0 ? [nothingFound(job.count)] : (parts as readonly SearchPart[]);
  return searchedResult(mergeSearchParts(found, job.limit));
}

export function searchedResult({ counts, distances, rows }: SearchPart): ComputeResult {
  return { kind: "searched", counts, distances, rows: encoded(rows) };
}

export function scannedResult({ count, rows }: ScanPart): ComputeResult {
  return { kind: "scanned", count, rows: encoded(rows) };
}

function encoded(rows: RowBatch | null): Uint8Array | null {
  return rows === null ? null : encodeRowBatch(rows);
}
