// A real nats-server on a free port with JetStream in a folder of its own, for one test file.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface NatsServer {
  readonly url: string;
  signal(signal: NodeJS.Signals): void;
  /** After a kill: again on the same port and folder. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startNatsServer(): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), "elanus-nats-"));
  let { child, port } = await launch(folder, -1);
  return {
    url: `127.0.0.1:${port}`,
    signal: (signal) => child.kill(signal),
    async restart() {
      await exitOf(child);
      ({ child, port } = await launch(folder, port));
    },
    async stop() {
      child.kill("SIGKILL");
      await exitOf(child);
      await rm(folder, { recursive: true });
    },
  };
}

async function launch(folder: string, port: number) {
  const settings = ["-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", folder];
  const child = spawn("nats-server", settings, { stdio: ["ignore", "ignore", "pipe"] });
  let listening: number | undefined;
  for await (const line of createInterface({ input: child.stderr })) {
    listening ??= Number(/client connections on \S+:(\d+)/.exec(line)?.[1]) || undefined;
    if (line.includes("Server is ready")) break;
  }
  if (listening === undefined) throw new Error("nats-server did not come up");
  child.stderr.resume();
  return { child, port: listening };
}

async function exitOf(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
