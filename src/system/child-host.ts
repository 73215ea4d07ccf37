// An actor host as a child process of the embedded cluster: started again when it ends.
import { type ChildProcess, fork } from "node:child_process";
import type { Role } from "../messages/records.js";

export interface ChildHostSettings {
  /** The script with the `host` command. */
  readonly script: string;
  /** Also of the one that is started in its place, so that it has its channels again at once. */
  readonly name: string;
  readonly roles: readonly Role[];
  readonly natsUrl: string;
  readonly dataDir: string;
  readonly environment: NodeJS.ProcessEnv;
  report(level: "info" | "warn", text: string): void;
}

const restartDelayMs = { min: 200, max: 10_000 };
/** After this long a host counts as started well, and the next restart is quick again. */
const settledMs = 30_000;
const stopTimeoutMs = 12_000;

export class ChildHost {
  readonly #settings: ChildHostSettings;
  #child: ChildProcess | null = null;
  #timer: NodeJS.Timeout | null = null;
  #delayMs = restartDelayMs.min;
  #isStopping = false;

  constructor(settings: ChildHostSettings) {
    this.#settings = settings;
    this.#start();
  }

  get roles(): readonly Role[] {
    return this.#settings.roles;
  }

  /** Changes at a restart; undefined between an end and a start. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Drains it; resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const child = this.#child;
    if (child === null) return;
    const ended = new Promise<void>((done) => child.once("exit", () => done()));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    await ended;
    clearTimeout(timer);
  }

  #start(): void {
    const { script, name, roles, natsUrl, dataDir, environment } = this.#settings;
    const options = [
      ...["--name", name, "--roles", roles.join(",")],
      ...["--nats-url", natsUrl, "--data-dir", dataDir],
    ];
    const startedAtMs = performance.now();
    // A group of its own, so that an interrupt from the terminal reaches it through us only. It
    // ends when the channel to us does, so that it never outlives us.
    const child = fork(script, ["host", ...options], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      detached: true,
      env: environment,
    });
    this.#child = child;
    child.once("error", (error) => this.#settings.report("warn", `${name}: ${error.message}`));
    child.once("exit", (code, signal) => {
      this.#child = null;
      if (this.#isStopping) return;
      if (performance.now() - startedAtMs > settledMs) this.#delayMs = restartDelayMs.min;
      const ending = signal ?? `exit code ${code}`;
      this.#settings.report("warn", `${name} ended (${ending}); again in ${this.#delayMs} ms`);
      this.#timer = setTimeout(() => this.#start(), this.#delayMs);
      this.#delayMs = Math.min(this.#delayMs * 2, restartDelayMs.max);
    });
  }
}
