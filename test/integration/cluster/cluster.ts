// A whole cluster for one test file: `elanus dev` as a process on a data folder of its own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  type ConnectOptions,
  connectElanus,
  type ElanusClient,
} from "../../../src/client/connect.js";
import type { HostDescription } from "../../../src/client/types.js";
import { connectNats, type NatsLink } from "../../../src/system/nats.js";
import { waitUntil } from "../nats-harness.js";

const elanusScript = fileURLToPath(new URL("../../../dist/scripts/elanus.js", import.meta.url));
const clusterEnvironment = {
  ...process.env,
  ELANUS_LOG_LEVEL: "warn",
  ELANUS_SEARCH_THREADS: "1",
};

export interface TestCluster {
  readonly url: string;
  readonly dataDir: string;
  /** What its processes have logged. */
  log(): string;
  /** Closed with the cluster. */
  client(options?: Partial<ConnectOptions>): Promise<ElanusClient>;
  link(): Promise<NatsLink>;
  natsPid(): number;
  /** Those that are alive now. */
  hosts(): Promise<readonly HostDescription[]>;
  stop(): Promise<void>;
  /** On the same data and, so that clients find it again, the same port. */
  start(): Promise<void>;
  /** Stops it for good and removes its data. */
  close(): Promise<void>;
}

export async function startCluster(environment: NodeJS.ProcessEnv = {}): Promise<TestCluster> {
  const directory = mkdtempSync(join(tmpdir(), "elanus-cluster-"));
  const dataDir = join(directory, "data");
  const closers: (() => Promise<void>)[] = [];
  let running = await startDev(dataDir, 0, environment);
  const { url } = running;
  const logs = [running.log];
  return {
    url,
    dataDir,
    log: () => logs.map((log) => log()).join("\n"),
    async client(options) {
      const client = await connectElanus({ url, ...options });
      closers.push(() => client.close());
      return client;
    },
    async link() {
      const link = await connectNats({ servers: url, name: "test", waitForServer: false });
      closers.push(() => link.close());
      return link;
    },
    natsPid: () => readNatsPid(dataDir),
    hosts: () => readHosts(url),
    stop: () => end(running.child),
    async start() {
      running = await startDev(dataDir, Number(new URL(url).port), environment);
      logs.push(running.log);
    },
    async close() {
      for (const close of closers) await close();
      await end(running.child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function startDev(dataDir: string, port: number, environment: NodeJS.ProcessEnv) {
  const options = ["dev", "--data-dir", dataDir, "--port", String(port)];
  const child = spawn(process.execPath, [elanusScript, ...options], {
    env: { ...clusterEnvironment, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  let url: string | undefined;
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("ready ")) url = JSON.parse(line.slice("ready ".length)).url;
  });
  await waitUntil("the ready line", () => url !== undefined || child.exitCode !== null, 90_000);
  if (url === undefined) throw new Error(`the cluster did not start: ${log}`);
  return { child, url, log: () => log };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

function readNatsPid(dataDir: string): number {
  return JSON.parse(readFileSync(join(dataDir, "nats", "nats-server.json"), "utf8")).pid;
}

async function readHosts(url: string): Promise<readonly HostDescription[]> {
  const client = await connectElanus({ url });
  try {
    const { hosts } = await client.cluster();
    return hosts.filter(({ pid }) => isAlive(pid));
  } finally {
    await client.close();
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Asks again and again; after the time is over it fails with the last answer. */
export async function eventually<Value>(
  what: string,
  ask: () => Promise<Value>,
  isSo: (value: Value) => boolean,
  withinMs = 40_000,
): Promise<Value> {
  const until = performance.now() + withinMs;
  for (;;) {
    const value = await ask();
    if (isSo(value)) return value;
    if (performance.now() > until) {
      const shown = JSON.stringify(value, (_, item) =>
        typeof item === "bigint" ? String(item) : item,
      );
      throw new Error(`after ${withinMs} ms, not yet: ${what}; it is ${shown.slice(0, 2_000)}`);
    }
    await delay(100);
  }
}
