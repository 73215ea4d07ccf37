// The parent's side of the processes that run a system under measurement.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { percentile } from "../quickstart/measuring.js";
import type {
  EngineName,
  EngineReply,
  EngineRequest,
  EngineWork,
  Load,
  SearchOptions,
} from "./engine.js";

export interface Rate {
  readonly vectorsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly windowUs: readonly [number, number];
}

export interface EngineClient {
  readonly name: EngineName;
  /** The slowest of its processes. */
  readonly openedInSeconds: number;
  answers(options: SearchOptions, count: number): Promise<readonly (readonly number[])[]>;
  /** The same load from each of the first `processes`, at the same time. */
  load(load: Load, processes?: number): Promise<Rate>;
  close(): Promise<void>;
}

const script = fileURLToPath(new URL("./engine-process.js", import.meta.url));

/** Starts `processes` of them; the first one builds what the others only open. */
export async function startEngine(
  name: EngineName,
  work: EngineWork,
  processes = 1,
): Promise<EngineClient> {
  const children: ChildProcess[] = [];
  let openedInSeconds = 0;
  try {
    for (let count = 0; count < processes; count += 1) {
      const child = fork(script, { serialization: "advanced" });
      children.push(child);
      const reply = await ask(child, { kind: "open", engine: name, work });
      if (reply.kind === "done") openedInSeconds = Math.max(openedInSeconds, reply.seconds);
    }
  } catch (error) {
    for (const child of children) child.kill("SIGKILL");
    throw new Error(`${name} does not start`, { cause: error });
  }
  return {
    name,
    openedInSeconds,
    async answers(options, count) {
      const reply = await ask(children[0], { kind: "answers", options, count });
      if (reply.kind !== "answers") throw new Error(`${name} gave no answers`);
      return reply.answers;
    },
    async load(load, processes = children.length) {
      const used = children.slice(0, processes);
      return rateOf(await Promise.all(used.map((child) => ask(child, { kind: "load", load }))));
    },
    async close() {
      await Promise.all(children.map(end));
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  await ask(child, { kind: "close" });
  await ended;
}

async function ask(child: ChildProcess | undefined, request: EngineRequest): Promise<EngineReply> {
  if (child === undefined) throw new Error("no such process");
  const reply = await new Promise<EngineReply>((done, fail) => {
    const onExit = () => fail(new Error("the process ended before it answered"));
    child.once("exit", onExit);
    child.once("message", (message) => {
      child.off("exit", onExit);
      done(message as EngineReply);
    });
    child.send(request);
  });
  if (reply.kind === "failed") throw new Error(reply.reason);
  return reply;
}

function rateOf(replies: readonly EngineReply[]): Rate {
  const results = replies.map((reply) => {
    if (reply.kind !== "load") throw new Error(`no load was run: ${reply.kind}`);
    return reply.result;
  });
  const latencies = results.flatMap(({ latenciesMs }) => [...latenciesMs]);
  const rates = results.map(({ vectors, elapsedMs }) => (vectors * 1_000) / elapsedMs);
  return {
    vectorsPerSecond: rates.reduce((sum, rate) => sum + rate, 0),
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    windowUs: [
      Math.min(...results.map(({ windowUs }) => windowUs[0])),
      Math.max(...results.map(({ windowUs }) => windowUs[1])),
    ],
  };
}
