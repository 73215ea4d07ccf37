// The embedded profile's own nats-server: writes its settings, starts it, and starts it again.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect as openSocket } from "node:net";
import { join, resolve } from "node:path";
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

/** With what the server said, and what to do where that is known. */
export class NatsDoesNotStart extends Error {
  override readonly name = "NatsDoesNotStart";
}

const startTimeoutMs = 30_000;
const stopTimeoutMs = 5_000;
const restartDelayMs = { min: 100, max: 5_000 };
/** After this long a server counts as started well, and the next restart is quick again. */
const settledMs = 10_000;

/** Where one server runs: `name` is how it greets, so that no other is taken for it. */
interface Place {
  readonly directory: string;
  readonly port: number;
  readonly name: string;
}

/** Resolves when the server answers; rejects with what it said when it does not start. */
export async function startNatsProcess(settings: NatsProcessSettings): Promise<NatsProcess> {
  const directory = resolve(settings.directory);
  mkdirSync(directory, { recursive: true });
  await endOrphan(directory, settings.report);
  const port = settings.port === 0 ? await freePort() : settings.port;
  const place: Place = { directory, port, name: `elanus-${randomBytes(6).toString("hex")}` };
  writeFileSync(configurationFileOf(directory), configurationOf(place));
  const supervised = new SupervisedServer(place, settings);
  await supervised.start();
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    get pid() {
      return supervised.pid;
    },
    stop: () => supervised.stop(),
  };
}

/** One that nobody starts again but who calls `start`: on its port, with its streams. */
export async function natsServerAt(
  program: string,
  directory: string,
): Promise<{ url: string; start(): Promise<ChildProcess> }> {
  const place = {
    directory,
    port: await freePort(),
    name: `elanus-${randomBytes(6).toString("hex")}`,
  };
  mkdirSync(directory, { recursive: true });
  writeFileSync(configurationFileOf(directory), configurationOf(place));
  const start = async () => (await launch(program, place)).child;
  return { url: `nats://127.0.0.1:${place.port}`, start };
}

/** The paths are JSON strings, which the server's format reads alike. */
function configurationOf({ directory, port, name }: Place): string {
  return [
    "# Written by Elanus at every start: changes are lost.",
    `server_name: "${name}"`,
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

const configurationFileOf = (directory: string) => join(directory, "nats-server.conf");
const pidFileOf = (directory: string) => join(directory, "nats-server.json");

class SupervisedServer {
  readonly #place: Place;
  readonly #settings: NatsProcessSettings;
  readonly #stopping = new AbortController();
  #server: Server | null = null;
  #supervision: Promise<void> = Promise.resolve();

  constructor(place: Place, settings: NatsProcessSettings) {
    this.#place = place;
    this.#settings = settings;
  }

  get pid(): number | undefined {
    return this.#server?.hasEnded() === false ? this.#server.child.pid : undefined;
  }

  async start(): Promise<void> {
    this.#server = await launch(this.#settings.program, this.#place);
    this.#supervision = this.#supervise(this.#server);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#server !== null) await endServer(this.#server);
    await this.#supervision;
    rmSync(pidFileOf(this.#place.directory), { force: true });
  }

  async #supervise(first: Server): Promise<void> {
    const { signal } = this.#stopping;
    let server: Server | null = first;
    let delayMs = restartDelayMs.min;
    while (!signal.aborted) {
      const startedAtMs = performance.now();
      const ending = (await server?.ended) ?? "it did not start";
      if (signal.aborted) return;
      if (performance.now() - startedAtMs > settledMs) delayMs = restartDelayMs.min;
      this.#settings.report("warn", `nats-server: ${ending}; starting again in ${delayMs} ms`);
      await Promise.race([delay(delayMs), aborted(signal)]);
      delayMs = Math.min(delayMs * 2, restartDelayMs.max);
      if (!signal.aborted) server = await this.#restart();
    }
    if (server !== null) await endServer(server);
  }

  async #restart(): Promise<Server | null> {
    try {
      this.#server = await launch(this.#settings.program, this.#place);
      this.#settings.report("info", `nats-server runs again, pid ${this.#server.child.pid}`);
      return this.#server;
    } catch (error) {
      this.#settings.report("warn", String(error));
      return null;
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => signal.addEventListener("abort", () => done(), { once: true }));
}

interface Server {
  readonly child: ChildProcess;
  /** Resolves with the exit code or the signal. */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
}

async function launch(program: string, place: Place): Promise<Server> {
  const { directory, port, name } = place;
  // A group of its own: an interrupt from the terminal must not reach it before its users are done.
  const child = spawn(program, ["-c", configurationFileOf(directory)], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
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
  const until = performance.now() + startTimeoutMs;
  while (!over && performance.now() < until) {
    if ((await greetingOn(port)) === name) {
      writeFileSync(pidFileOf(directory), JSON.stringify({ pid: child.pid, port, name }));
      return server;
    }
    await delay(20);
  }
  await endServer(server);
  throw new NatsDoesNotStart(await explanation(server, port, `${complaint}${endOfLog(directory)}`));
}

async function explanation(server: Server, port: number, said: string): Promise<string> {
  if (said.includes("address already in use")) {
    return `port ${port} is in use: choose another with --port, or 0 for a free one`;
  }
  return `nats-server does not start on port ${port} (${await server.ended}): ${said.trim()}`;
}

/** The name of the NATS server that says hello on this port. */
function greetingOn(port: number): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = openSocket(port, "127.0.0.1");
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once("data", (data) => {
      done(/^INFO .*"server_name":"([^"]*)"/.exec(data.toString("utf8"))?.[1]);
      socket.destroy();
    });
    socket.once("error", () => done(undefined));
    socket.once("close", () => done(undefined));
  });
}

async function endServer(server: Server): Promise<void> {
  if (server.hasEnded()) return;
  server.child.kill("SIGTERM");
  const timer = setTimeout(() => server.child.kill("SIGKILL"), stopTimeoutMs);
  await server.ended;
  clearTimeout(timer);
}

/** One whose owner was killed still has the store open, and a second one would damage it. */
async function endOrphan(directory: string, report: NatsProcessSettings["report"]): Promise<void> {
  const orphan = readOrphan(directory);
  if (orphan === undefined || (await greetingOn(orphan.port)) !== orphan.name) return;
  report("warn", `a nats-server was left over from before, pid ${orphan.pid}: ending it`);
  signalIfThere(orphan.pid, "SIGTERM");
  const until = performance.now() + stopTimeoutMs;
  while ((await greetingOn(orphan.port)) === orphan.name) {
    if (performance.now() > until) signalIfThere(orphan.pid, "SIGKILL");
    await delay(50);
  }
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function readOrphan(directory: string): { pid: number; port: number; name: string } | undefined {
  try {
    return JSON.parse(readFileSync(pidFileOf(directory), "utf8"));
  } catch {
    return undefined;
  }
}

function endOfLog(directory: string): string {
  try {
    const log = readFileSync(join(directory, "nats-server.log"), "utf8");
    return log.split("\n").slice(-3).join("\n");
  } catch {
    return "";
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => done(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}
