// A real nats-server on a free port with JetStream in a folder of its own, for one test file.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNats } from "../../scripts/servers/nats.js";
import type { ServerProcess } from "../../scripts/servers/server-process.js";

export interface NatsServer extends Pick<ServerProcess, "freeze" | "thaw" | "kill" | "restart"> {
  readonly url: string;
  /** Its folder goes too. */
  stop(): Promise<void>;
}

export async function startNatsServer(): Promise<NatsServer> {
  const directory = await mkdtemp(join(tmpdir(), "elanus-nats-"));
  const { url, servers } = await startNats({ directory, servers: 1 });
  const [server] = servers;
  if (server === undefined) throw new Error("one server was asked for");
  return {
    url,
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    kill: () => server.kill(),
    restart: () => server.restart(),
    async stop() {
      await server.kill();
      await rm(directory, { recursive: true });
    },
  };
}
