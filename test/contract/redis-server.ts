// A Redis of its own for one test file, and links to it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startRedis } from "../../scripts/servers/redis.js";
import type { ServerProcess } from "../../scripts/servers/server-process.js";
import { RedisLink, type RedisTiming } from "../../src/storage/cache-redis.js";

export interface TestRedis {
  readonly server: ServerProcess;
  open(timing?: RedisTiming): RedisLink;
  close(): Promise<void>;
}

export async function startTestRedis(): Promise<TestRedis> {
  const directory = await mkdtemp(join(tmpdir(), "elanus-redis-"));
  const server = await startRedis({ directory });
  const links: RedisLink[] = [];
  return {
    server,
    open(timing) {
      const link = new RedisLink(server.endpoint, timing);
      links.push(link);
      return link;
    },
    async close() {
      for (const link of links) link.close();
      await server.stop();
      await rm(directory, { recursive: true });
    },
  };
}

export async function untilReady(link: RedisLink): Promise<void> {
  const until = performance.now() + 15_000;
  while (!link.isReady) {
    if (performance.now() > until) throw new Error("the link to Redis does not come up");
    await delay(5);
  }
}
