// One server as a process that tests may kill, freeze and start again on its port and folder.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isFreePort } from "../../src/system/free-port.js";
import { type ControlledProcess, startControlled } from "../cluster/controlled-process.js";

export interface ServerProcess extends ControlledProcess {
  /** A URL, the same over restarts. */
  readonly endpoint: string;
}

/** How one kind of server is started and asked whether it is ready. */
export interface ServerPlan {
  readonly name: string;
  readonly endpoint: string;
  readonly program: string;
  readonly args: readonly string[];
  /** What the server prints goes to `<name>.log` in it. */
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Never rejects for a server that is not there. */
  answers(): Promise<boolean>;
}

const startTimeoutMs = 30_000;

/** Resolves when it answers; rejects with the end of its log when it does not. */
export function startServerProcess<Facts extends object>(
  plan: ServerPlan,
  facts: Facts,
): Promise<ServerProcess & Facts> {
  const { name, endpoint } = plan;
  return startControlled(name, { ...facts, endpoint }, () => launch(plan));
}

async function launch(plan: ServerPlan): Promise<ChildProcess> {
  const { name, endpoint } = plan;
  // Another server there would answer for this one.
  const isFree = await isFreePort(Number(new URL(endpoint).port));
  if (!isFree) throw new Error(`${name} cannot start: ${endpoint} is in use`);
  const child = spawned(plan);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const until = performance.now() + startTimeoutMs;
  while (!hasEnded() && performance.now() < until) {
    if ((await plan.answers()) && !hasEnded()) return child;
    await delay(20);
  }
  const ending = hasEnded() ? "ended at once" : `was silent for ${startTimeoutMs} ms`;
  child.kill("SIGKILL");
  throw new Error(`${name} at ${endpoint} ${ending}: ${endOfLog(plan)}`);
}

function spawned(plan: ServerPlan): ChildProcess {
  mkdirSync(plan.directory, { recursive: true });
  const log = openSync(logOf(plan), "a");
  // A group of its own: an interrupt from the terminal must not reach it before its users are done.
  const child = spawn(plan.program, [...plan.args], {
    stdio: ["ignore", log, log],
    detached: true,
    env: { ...process.env, ...plan.environment },
  });
  closeSync(log);
  return child;
}

const logOf = ({ directory, name }: ServerPlan) => join(directory, `${name}.log`);

function endOfLog(plan: ServerPlan): string {
  return readFileSync(logOf(plan), "utf8").trim().split("\n").slice(-5).join("\n");
}
