// Finds the nats-server program and asks for its version.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Debian keeps servers in sbin, which an ordinary user's PATH lacks. */
const extraDirectories = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

/** The path, or undefined when there is none; ELANUS_NATS_SERVER names one. */
export function findNatsServer(environment: NodeJS.ProcessEnv): string | undefined {
  const named = environment.ELANUS_NATS_SERVER;
  if (named !== undefined && named !== "") return isExecutable(named) ? named : undefined;
  return [...(environment.PATH ?? "").split(delimiter), ...extraDirectories]
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, "nats-server"))
    .find(isExecutable);
}

/** Such as `2.9.10`; undefined when the program says nothing of the kind. */
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
