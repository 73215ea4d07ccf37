// A process that runs one system under measurement and puts load on it, as its parent asks.
import { mkdirSync } from "node:fs";
import { type DataSet, readDataSet } from "./data-sets.js";
import type {
  Engine,
  EngineName,
  EngineReply,
  EngineRequest,
  EngineWork,
  Load,
  LoadResult,
  SearchOptions,
} from "./engine.js";
import { bareBuild, bareHnsw } from "./engines/bare-hnsw.js";
import { elanus } from "./engines/elanus.js";
import { lanceDb } from "./engines/lancedb.js";
import { usearch } from "./engines/usearch.js";
import { zvec } from "./engines/zvec.js";
import { nowUs } from "./run.js";

const engines: Readonly<Record<EngineName, () => Engine>> = {
  elanus,
  bare: bareHnsw,
  "bare-build": bareBuild,
  zvec,
  lancedb: lanceDb,
  usearch,
};

interface Opened {
  readonly engine: Engine;
  readonly set: DataSet;
}

let opened: Opened | null = null;

// An engine's own connections and threads must not outlive the parent.
process.once("disconnect", () => process.exit());

/** One request at a time: the parent waits for each reply. */
process.on("message", (request: EngineRequest) => {
  void answer(request)
    .catch((error: unknown): EngineReply => {
      return {
        kind: "failed",
        reason: error instanceof Error ? String(error.stack) : String(error),
      };
    })
    .then((reply) => {
      process.send?.(reply, () => {
        if (request.kind === "close") process.exit();
      });
    });
});

async function answer(request: EngineRequest): Promise<EngineReply> {
  if (request.kind === "open") return open(request.engine, request.work);
  if (opened === null) throw new Error("nothing is open");
  const { engine, set } = opened;
  switch (request.kind) {
    case "answers":
      return { kind: "answers", answers: await answers(opened, request.options, request.count) };
    case "load":
      return { kind: "load", result: await loadOn(engine, set.queries, request.load) };
    case "close":
      await engine.close();
      return { kind: "done", seconds: 0 };
  }
}

async function open(name: EngineName, work: EngineWork): Promise<EngineReply> {
  if (work.directory !== "") mkdirSync(work.directory, { recursive: true });
  const set = readDataSet(work.dataSet, work.rowCount);
  const engine = engines[name]();
  const startedAtMs = performance.now();
  await engine.open(set, work);
  opened = { engine, set };
  return { kind: "done", seconds: (performance.now() - startedAtMs) / 1_000 };
}

async function answers({ engine, set }: Opened, options: SearchOptions, count: number) {
  const found: (readonly number[])[] = [];
  for (let first = 0; first < count; first += 16) {
    const queries = set.queries.slice(first, Math.min(count, first + 16));
    found.push(...(await Promise.all(queries.map((query) => one(engine, query, options)))));
  }
  return found;
}

async function one(engine: Engine, query: Float32Array, options: SearchOptions) {
  const [answer = []] = await engine.search([query], options);
  return answer;
}

/** A closed loop: each of the requests in flight is followed by the next when it is answered. */
async function loadOn(
  engine: Engine,
  queries: readonly Float32Array[],
  { options, batch, inFlight, forMs }: Load,
): Promise<LoadResult> {
  const latencies: number[] = [];
  let next = Math.floor(Math.random() * queries.length);
  const take = () => {
    next += batch;
    return Array.from(
      { length: batch },
      (_, place) => queries[(next + place) % queries.length] as Float32Array,
    );
  };
  const startedAtMs = performance.now();
  const startedAtUs = nowUs();
  const lane = async () => {
    while (performance.now() - startedAtMs < forMs) {
      const asked = take();
      const askedAtMs = performance.now();
      const found = engine.search(asked, options);
      const hits = found instanceof Promise ? await found : found;
      latencies.push(performance.now() - askedAtMs);
      if (hits.length !== batch) throw new Error(`${hits.length} answers to ${batch} vectors`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return {
    vectors: latencies.length * batch,
    elapsedMs: performance.now() - startedAtMs,
    latenciesMs: Float64Array.from(latencies),
    windowUs: [startedAtUs, nowUs()],
  };
}
