// The embedded profile's own nats-server: writes its settings, starts it, and starts it again.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "./free-port.js";
import {
  type NatsPlace,
  natsConfiguration,
  natsConfigurationFileOf,
  natsGreetingOn,
} from "./nats-configuration.js";

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

/** Resolves when the server answers; rejects with what it said when it does not start. */
export async function startNatsProcess(settings: NatsProcessSettings): Promise<NatsProcess> {
  const directory = resolve(settings.directory);
  mkdirSync(directory, { recursive: true });
  await endOrphan(directory, settings.report);
  const port = settings.port === 0 ? await freePort() : settings.port;
  const place: NatsPlace = { directory, port, name: `elanus-${randomBytes(6).toString("hex")}` };
  writeFileSync(natsConfigurationFileOf(directory), natsConfiguration(place));
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

const pidFileOf = (directory: string) => join(directory, "nats-server.json");

class SupervisedServer {
  readonly #place: NatsPlace;
  readonly #settings: NatsProcessSettings;
  readonly #stopping = new AbortController();
  #server: Server | null = null;
  #supervision: Promise<void> = Promise.resolve();

  constructor(place: NatsPlace, settings: NatsProcessSettings) {
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

async function launch(program: string, place: NatsPlace): Promise<Server> {
  const { directory, port, name } = place;
  // A group of its own: an interrupt from the terminal must not reach it before its users are done.
  const child = spawn(program, ["-c", natsConfigurationFileOf(directory)], {
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
    if ((await natsGreetingOn(port)) === name) {
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
  if (orphan === undefined || (await natsGreetingOn(orphan.port)) !== orphan.name) return;
  report("warn", `a nats-server was left over from before, pid ${orphan.pid}: ending it`);
  signalIfThere(orphan.pid, "SIGTERM");
  const until = performance.now() + stopTimeoutMs;
  while ((await natsGreetingOn(orphan.port)) === orphan.name) {
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
