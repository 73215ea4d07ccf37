// One actor host of a cluster under control: `elanus host` as a process of its own.
import { fork } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Role } from "../../src/messages/records.js";
import { type ControlledProcess, startControlled } from "./controlled-process.js";

export interface HostPlan {
  /** Unique in the cluster; a host that is started again has its name again. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Over that of the cluster. */
  readonly environment?: NodeJS.ProcessEnv;
  /** In place of that of the cluster: a script with the `host` command. */
  readonly script?: string;
  /** Where it finds NATS, if not where all others do. */
  readonly natsUrl?: string;
}

export interface HostProcess extends ControlledProcess {
  readonly roles: readonly Role[];
  /** What it has written to its standard error. */
  readonly logFile: string;
}

export interface HostSurroundings {
  readonly directory: string;
  /** The script with the `host` command. */
  readonly script: string;
  readonly options: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** Resolves when the process is there, which is before it takes part. */
export async function startHostProcess(
  { name, roles, environment, script, natsUrl }: HostPlan,
  surroundings: HostSurroundings,
): Promise<HostProcess> {
  const logFile = join(surroundings.directory, `${name}.log`);
  const own = natsUrl === undefined ? [] : ["--nats-url", natsUrl];
  const options = ["--name", name, "--roles", roles.join(","), ...surroundings.options, ...own];
  const env = { ...surroundings.environment, ...environment };
  return startControlled(name, { roles, logFile }, async () => {
    const log = openSync(logFile, "a");
    const child = fork(script ?? surroundings.script, ["host", ...options], {
      stdio: ["ignore", "ignore", log, "ipc"],
      // An interrupt from the terminal reaches it through us only.
      detached: true,
      env,
    });
    closeSync(log);
    return child;
  });
}
