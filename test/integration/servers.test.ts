// The servers that tests start: they answer, die, freeze, and come back on their port with their data.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { connect } from "nats";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startEtcd } from "../../scripts/servers/etcd.js";
import { startNats } from "../../scripts/servers/nats.js";
import { startRedis } from "../../scripts/servers/redis.js";
import { startS3 } from "../../scripts/servers/s3.js";
import type { ServerProcess } from "../../scripts/servers/server-process.js";

let directory = "";
let running: ServerProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "elanus-servers-"));
});
afterEach(async () => {
  await Promise.all(running.map((server) => server.stop()));
  running = [];
  rmSync(directory, { recursive: true });
});

async function kept<T extends ServerProcess>(start: Promise<T>): Promise<T> {
  const server = await start;
  running.push(server);
  return server;
}

async function answered(url: string): Promise<boolean> {
  const answer = fetch(url, { signal: AbortSignal.timeout(500) });
  return answer.then(
    () => true,
    () => false,
  );
}

test("each kind answers, is silent when frozen, gone when killed, and back at its place", async () => {
  const servers = [
    await kept(startEtcd({ directory: join(directory, "etcd") })),
    await kept(startS3({ directory: join(directory, "s3") })),
  ];
  for (const server of servers) {
    const { pid, endpoint } = server;
    expect(await answered(endpoint)).toBe(true);
    server.freeze();
    expect(await answered(endpoint)).toBe(false);
    server.thaw();
    await server.kill();
    expect(server.pid).toBeUndefined();
    expect(await answered(endpoint)).toBe(false);
    await server.restart();
    expect(server.endpoint).toBe(endpoint);
    expect(server.pid).not.toBe(pid);
    expect(await answered(endpoint)).toBe(true);
  }
});

test("redis comes back after a kill, with nothing in it", async () => {
  const redis = await kept(startRedis({ directory: join(directory, "redis") }));
  const ask = async (command: (client: Redis) => Promise<unknown>) => {
    const client = new Redis(redis.endpoint, { retryStrategy: () => null });
    client.on("error", () => client.disconnect());
    return command(client).finally(() => client.disconnect());
  };
  await ask((client) => client.set("kept", "no"));
  expect(await ask((client) => client.get("kept"))).toBe("no");
  const { pid } = redis;
  await redis.kill();
  await expect(ask((client) => client.ping())).rejects.toThrow();
  await redis.restart();
  expect(redis.pid).not.toBe(pid);
  expect(await ask((client) => client.get("kept"))).toBeNull();
});

test("a server that cannot start says why", async () => {
  const holder = await kept(startEtcd({ directory: join(directory, "etcd") }));
  const port = Number(new URL(holder.endpoint).port);
  const second = startS3({ directory: join(directory, "second"), port });
  await expect(second).rejects.toThrow(`s3 cannot start: ${holder.endpoint} is in use`);
  mkdirSync(join(directory, "wrong"));
  writeFileSync(join(directory, "wrong", "data"), "not a folder");
  const wrong = startEtcd({ directory: join(directory, "wrong") });
  await expect(wrong).rejects.toThrow(/ended at once: .*not a directory/s);
});

test("three NATS servers keep a stream over the end of one", async () => {
  const nats = await startNats({ directory, servers: 3 });
  running.push(...nats.servers);
  const connection = await connect({ servers: nats.url.split(","), reconnectTimeWait: 50 });
  const manager = await connection.jetstreamManager({ timeout: 10_000 });
  await manager.streams.add({ name: "KEPT", subjects: ["kept"], num_replicas: 3 });
  await connection.jetstream().publish("kept", "one");
  const messages = async () => (await manager.streams.info("KEPT")).state.messages;
  await nats.servers[0]?.kill();
  // Nobody answers while the others elect a leader.
  await expect.poll(() => messages().catch(() => 0), { timeout: 20_000 }).toBe(1);
  await nats.servers[0]?.restart();
  expect(await messages()).toBe(1);
  await connection.close();
});
