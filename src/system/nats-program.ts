// Finds the nats-server program and asks for its version.
import { spawnSync } from "node:child_process";
import { findProgram } from "./find-program.js";

/** The path, or undefined when there is none; ELANUS_NATS_SERVER names one. */
export function findNatsServer(environment: NodeJS.ProcessEnv): string | undefined {
  return findProgram("nats-server", environment);
}

/** Such as `2.9.10`; undefined when the program says nothing of the kind. */
export function natsServerVersion(program: string): string | undefined {
  const output = spawnSync(program, ["--version"], { encoding: "utf8" }).stdout ?? "";
  return /v?(\d+\.\d+\.\d+)/.exec(output)?.[1];
}
