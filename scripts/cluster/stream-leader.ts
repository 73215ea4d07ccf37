// Which of the NATS servers leads a stream: the one whose end is felt.
import { z } from "zod";
import { connectNats } from "../../src/system/nats.js";
import type { ServerProcess } from "../servers/server-process.js";
import type { Cluster } from "./cluster.js";

export interface LedStream {
  readonly server: ServerProcess;
  readonly replicas: number;
}

const streamInfo = z.object({
  config: z.object({ num_replicas: z.number() }),
  cluster: z.object({ leader: z.string() }),
});

/** Throws when the stream has no leader now, or one that is not of this cluster. */
export async function serverLeading(
  { nats, natsUrl }: Cluster,
  stream: string,
): Promise<LedStream> {
  const link = await connectNats({ servers: natsUrl, name: "leader", waitForServer: false });
  try {
    const asked = await link.request(`$JS.API.STREAM.INFO.${stream}`, Buffer.alloc(0));
    if (asked.kind !== "ok") throw new Error(`${stream}: ${asked.kind} (${asked.detail})`);
    const info = streamInfo.parse(JSON.parse(Buffer.from(asked.message.body).toString("utf8")));
    const { leader } = info.cluster;
    // Behind its name, a server has something by which no other passes for it.
    const server = nats.find(({ name }) => leader.startsWith(`${name}-`));
    if (server === undefined) throw new Error(`no server has the name of the leader, '${leader}'`);
    return { server, replicas: info.config.num_replicas };
  } finally {
    await link.close();
  }
}
