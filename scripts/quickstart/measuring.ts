// Measures searches: recall against the exact scan, latency, and errors while a host is killed.
import { setTimeout as delay } from "node:timers/promises";
import type { Collection } from "../../src/client/collection.js";
import type { WordVector } from "./word-vectors.js";

const limit = 10;

export async function nearest(
  words: Collection,
  vector: Float32Array,
  options: Record<string, unknown> = {},
): Promise<readonly string[]> {
  const { results } = await words.search({ vector, limit, ...options });
  return (results[0] ?? []).map((hit) => String(hit.id));
}

/** The share of the exact ten nearest that the default search finds, over all queries. */
export async function recallAtTen(
  words: Collection,
  queries: readonly WordVector[],
): Promise<number> {
  let found = 0;
  let wanted = 0;
  for (const { vector } of queries) {
    const exact = new Set(await nearest(words, vector, { exact: true }));
    const approximate = await nearest(words, vector);
    found += approximate.filter((word) => exact.has(word)).length;
    wanted += exact.size;
  }
  return found / wanted;
}

export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** One search at a time, through the client and the network. */
export async function searchLatency(
  words: Collection,
  queries: readonly WordVector[],
  searches: number,
): Promise<Latency> {
  const times: number[] = [];
  for (let index = 0; index < searches; index++) {
    const { vector } = queries[index % queries.length] as WordVector;
    const startedAt = performance.now();
    await nearest(words, vector);
    times.push(performance.now() - startedAt);
  }
  return { p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) };
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export interface KillReport {
  readonly searches: number;
  readonly errors: number;
  readonly slowestMs: number;
  readonly firstError: string | null;
}

/** Searches for `forMs` with a few at a time; `kill` strikes after a third of it. */
export async function searchDuring(
  words: Collection,
  queries: readonly WordVector[],
  kill: () => void,
  forMs: number,
): Promise<KillReport> {
  const until = performance.now() + forMs;
  const report = { searches: 0, errors: 0, slowestMs: 0, firstError: null as string | null };
  const client = async (offset: number) => {
    for (let index = offset; performance.now() < until; index++) {
      const { vector } = queries[index % queries.length] as WordVector;
      const startedAt = performance.now();
      try {
        await nearest(words, vector);
      } catch (error) {
        report.errors += 1;
        report.firstError ??= String(error);
      }
      report.searches += 1;
      report.slowestMs = Math.max(report.slowestMs, performance.now() - startedAt);
    }
  };
  const killing = delay(forMs / 3).then(kill);
  await Promise.all([client(0), client(1), client(2), client(3), killing]);
  return report;
}
