// An embedded cluster as its own processes: `elanus dev`, started, watched and stopped.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
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
const shownLogBytes = 4_000;

/** What the cluster logs goes to `<dataDirectory>.log`. */
export async function startEmbeddedCluster(dataDirectory: string): Promise<EmbeddedCluster> {
  const logFile = `${dataDirectory}.log`;
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, "a");
  const options = ["dev", "--data-dir", dataDirectory, "--port", "0"];
  const child = spawn(process.execPath, [command, ...options], { stdio: ["ignore", "pipe", log] });
  closeSync(log);
  const ready = await readyLine(child, logFile);
  return { ...ready, stop: () => stop(child) };
}

async function readyLine(
  child: ChildProcess,
  logFile: string,
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
  const tail = readFileSync(logFile, "utf8").slice(-shownLogBytes);
  throw new Error(`the cluster did not start within ${readyWithinMs} ms; see ${logFile}:\n${tail}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timeout = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
  await ended;
  clearTimeout(timeout);
}
