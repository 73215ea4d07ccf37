// An embedded cluster as its own processes: `elanus dev`, started, watched and stopped.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface EmbeddedCluster {
  readonly url: string;
  readonly hosts: readonly { readonly pid: number; readonly roles: readonly string[] }[];
  /** Drains and stops everything; resolves when no process is left. */
  stop(): Promise<void>;
}

const command = fileURLToPath(new URL("../elanus.js", import.meta.url));
const readyWithinMs = 60_000;
const stopWithinMs = 30_000;

export async function startEmbeddedCluster(dataDirectory: string): Promise<EmbeddedCluster> {
  const options = ["dev", "--data-dir", dataDirectory, "--port", "0"];
  const child = spawn(process.execPath, [command, ...options], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ELANUS_LOG_LEVEL: process.env.ELANUS_LOG_LEVEL ?? "warn" },
  });
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors.push(text);
    if (errors.length > 100) errors.shift();
  });
  const ready = await readyLine(child, errors);
  return { ...ready, stop: () => stop(child) };
}

async function readyLine(
  child: ChildProcess,
  errors: readonly string[],
): Promise<Pick<EmbeddedCluster, "url" | "hosts">> {
  if (child.stdout === null) throw new Error("the cluster has no output");
  const timeout = setTimeout(() => child.kill("SIGTERM"), readyWithinMs);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith("ready ")) continue;
      child.stdout.resume();
      return JSON.parse(line.slice("ready ".length));
    }
  } finally {
    clearTimeout(timeout);
  }
  throw new Error(`the cluster did not start within ${readyWithinMs} ms:\n${errors.join("")}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timeout = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
  await ended;
  clearTimeout(timeout);
}
