// A process under a test's control: it ends, freezes and starts again only when it is told to.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface ControlledProcess {
  readonly name: string;
  /** Undefined while it does not run; another one after each start. */
  readonly pid: number | undefined;
  /** Resolves when it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Takes its processor away: it answers nobody, and its connections stay open. */
  freeze(): void;
  thaw(): void;
  /** Starts it again as it was; one that still runs is killed first. */
  restart(): Promise<void>;
  /** Asks it to end in order, and kills it when it takes too long. */
  stop(): Promise<void>;
}

const stopWithinMs = 15_000;

/**
 * `start` resolves when the process is as far as whoever starts it has to wait for; `facts` stay
 * the same for all the processes of the name.
 */
export async function startControlled<Facts extends object>(
  name: string,
  facts: Facts,
  start: () => Promise<ChildProcess>,
): Promise<ControlledProcess & Facts> {
  let child = await guarded(start);
  const kill = (signal: NodeJS.Signals) => end(child, signal);
  return {
    ...facts,
    name,
    get pid() {
      return isRunning(child) ? child.pid : undefined;
    },
    kill: (signal = "SIGKILL") => kill(signal),
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
    async restart() {
      await kill("SIGKILL");
      child = await guarded(start);
    },
    async stop() {
      // A frozen one would not hear of it.
      child.kill("SIGCONT");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
      await kill("SIGTERM");
      clearTimeout(timer);
    },
  };
}

async function guarded(start: () => Promise<ChildProcess>): Promise<ChildProcess> {
  const child = await start();
  if (child.pid !== undefined) guard(child, child.pid);
  return child;
}

/** Reads until the one at the other end is gone, however it went, and then ends what it guards. */
const guardScript = 'read -r _; kill -9 "$0" 2>/dev/null';

/** So that nothing outlives us, be it frozen, be we killed. */
function guard(child: ChildProcess, pid: number): void {
  const guardian = spawn("/bin/sh", ["-c", guardScript, String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  guardian.unref();
  // Its process id may be another's by and by: who guards it goes with it.
  child.once("exit", () => guardian.kill("SIGKILL"));
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (!isRunning(child)) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
