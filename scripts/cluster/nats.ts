// The nats-server of a cluster under control: nobody starts it again but whoever controls it.
import { ConfigurationError } from "../../src/system/config.js";
import { natsServerAt } from "../../src/system/nats-process.js";
import { findNatsServer } from "../../src/system/nats-program.js";
import { type ControlledProcess, startControlled } from "./controlled-process.js";

export interface ServerProcess extends ControlledProcess {
  /** The same after a restart. */
  readonly endpoint: string;
}

/** Resolves when it answers. It keeps its streams in the folder. */
export async function startNatsServer(directory: string): Promise<ServerProcess> {
  const program = findNatsServer(process.env);
  if (program === undefined) {
    throw new ConfigurationError("there is no nats-server: 'npm run setup' installs it");
  }
  const { url, start } = await natsServerAt(program, directory);
  return startControlled("nats-server", { endpoint: url }, start);
}
