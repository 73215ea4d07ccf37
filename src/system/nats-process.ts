// The embedded profile's own nats-server: finds it, writes its settings, starts and supervises it.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, connect as openSocket } from "node:net";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface NatsProcessSettings {
  /** Everything of the server lies in this folder: settings, log and streams. */
  readonly directory: string;
  /** 0: a free one, the same one after a restart. */
  readonly port: number;
  readonly program: string;
  /** Told of every end that nobody asked for, and of the start after it. */
  report(level: "info" | "warn", text: string): void;
}

export interface NatsProcess {
  readonly url: string;
  readonly port: number;
  /** Changes at a restart; undefined between an end and a start. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

/** Debian keeps servers in sbin, which an ordinary user's PATH lacks. */
const extraDirectories = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];
const startTimeoutMs = 30_000;
const stopTimeoutMs = 5_000;
const restartDelayMs = { min: 100, max: 5_000 };
/** After this long a server counts as started well, and the next restart is quick again. */
const settledMs = 10_000;

export function findNatsServer(environment: NodeJS.ProcessEnv): string | undefined {
  const named = environment.ELANUS_NATS_SERVER;
  if (named !== undefined && named !== "") return isExecutable(named) ? named : undefined;
  return [...(environment.PATH ?? "").split(delimiter), ...extraDirectories]
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, "nats-server"))
    .find(isExecutable);
}

export function natsServerVersion(program: string): string | undefined {
  const output = spawnSync(program, ["--version"], { encoding: "utf8" }).stdout ?? "";
  return /v?(\d+\.\d+\.\d+)/.exec(output)?.[1];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the server answers; rejects with what it said when it does not start. */
export async function startNatsProcess(settings: NatsProcessSettings): Promise<NatsProcess> {
  const directory = resolve(settings.directory);
  mkdirSync(directory, { recursive: true });
  const port = settings.port === 0 ? await freePort() : settings.port;
  const configurationFile = join(directory, "nats-server.conf");
  writeFileSync(configurationFile, configurationOf(directory, port));
  const launch = () => launchServer(settings.program, configurationFile, directory, port);

  let server = await launch();
  let stopping = false;
  const supervised = supervise();

  async function supervise(): Promise<void> {
    let delayMs = restartDelayMs.min;
    while (!stopping) {
      const startedAt = performance.now();
      const ending = await server.ended;
      if (stopping) return;
      if (performance.now() - startedAt > settledMs) delayMs = restartDelayMs.min;
      settings.report("warn", `nats-server ended (${ending}); it starts again in ${delayMs} ms`);
      await delay(delayMs);
      delayMs = Math.min(delayMs * 2, restartDelayMs.max);
      if (!stopping) await restart();
    }
  }

  async function restart(): Promise<void> {
    try {
      server = await launch();
      settings.report("info", `nats-server runs again, pid ${server.child.pid}`);
    } catch (error) {
      // The loop finds it ended, and tries again.
      settings.report("warn", String(error));
    }
  }

  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.hasEnded() ? undefined : server.child.pid;
    },
    async stop() {
      stopping = true;
      await stopServer(server);
      await supervised;
      // One that was being started meanwhile.
      await stopServer(server);
    },
  };
}

/** The paths are JSON strings, which the server's format reads alike. */
function configurationOf(directory: string, port: number): string {
  return [
    "# Written by Elanus at every start: changes are lost.",
    `host: "127.0.0.1"`,
    `port: ${port}`,
    "max_payload: 8MB",
    // Several readers of the log share one connection: room for what they have asked for.
    "max_pending: 256MB",
    // A client that is silent for longer is cut off: see the window of duplicates of the log.
    `ping_interval: "20s"`,
    "ping_max: 2",
    `log_file: ${JSON.stringify(join(directory, "nats-server.log"))}`,
    "logfile_size_limit: 10MB",
    "jetstream {",
    `  store_dir: ${JSON.stringify(join(directory, "store"))}`,
    "  max_memory_store: 1GB",
    // Every log reserves its limit, which is more than it will use: the disk is what is finite.
    "  max_file_store: 1000TB",
    "}",
    "",
  ].join("\n");
}

interface Server {
  readonly child: ChildProcess;
  /** Resolves with the exit code or the signal. */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
}

async function launchServer(
  program: string,
  configurationFile: string,
  directory: string,
  port: number,
): Promise<Server> {
  const child = spawn(program, ["-c", configurationFile], { stdio: ["ignore", "ignore", "pipe"] });
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-2_000);
  });
  let over = false;
  const ended = new Promise<string>((done) => {
    child.once("error", (error) => done(error.message));
    child.once("exit", (code, signal) => done(signal ?? `exit code ${code}`));
  });
  void ended.then(() => {
    over = true;
  });
  const server = { child, ended, hasEnded: () => over };
  if (await answers(server, port)) return server;
  await stopServer(server);
  const said = `${complaint}${endOfLog(join(directory, "nats-server.log"))}`.trim();
  throw new Error(`nats-server does not start on port ${port} (${await ended}): ${said}`);
}

async function answers(server: Server, port: number): Promise<boolean> {
  const until = performance.now() + startTimeoutMs;
  while (!server.hasEnded() && performance.now() < until) {
    // Another server on this port would answer too: ours must be alive after the answer.
    if ((await greets(port)) && !server.hasEnded()) return true;
    await delay(20);
  }
  return false;
}

/** Whether a NATS server says hello on this port. */
function greets(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = openSocket(port, "127.0.0.1");
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once("data", (data) => {
      done(data.toString("latin1").startsWith("INFO "));
      socket.destroy();
    });
    socket.once("error", () => done(false));
    socket.once("close", () => done(false));
  });
}

async function stopServer(server: Server): Promise<void> {
  if (server.hasEnded()) return;
  server.child.kill("SIGTERM");
  const timer = setTimeout(() => server.child.kill("SIGKILL"), stopTimeoutMs);
  await server.ended;
  clearTimeout(timer);
}

function endOfLog(file: string): string {
  try {
    return readFileSync(file, "utf8").split("\n").slice(-5).join("\n");
  } catch {
    return "";
  }
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}
