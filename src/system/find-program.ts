// Finds a server's program: the one that an environment variable names, or the first on the PATH.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Debian keeps servers in sbin, which an ordinary user's PATH lacks. */
const extraDirectories = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

/** The path, or undefined when there is none; for `redis-server`, ELANUS_REDIS_SERVER names one. */
export function findProgram(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  const named = environment[`ELANUS_${name.toUpperCase().replaceAll("-", "_")}`];
  if (named !== undefined && named !== "") return isExecutable(named) ? named : undefined;
  return [...(environment.PATH ?? "").split(delimiter), ...extraDirectories]
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
