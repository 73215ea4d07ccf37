// Every host of a cluster restarted, drained, added and taken away, while clients notice nothing.
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectNats, type NatsLink } from "../../../src/system/nats.js";
import { eventually } from "./cluster.js";
import { type OwnCluster, startOwnCluster } from "./own-cluster.js";
import { rawLoad, rawRequest } from "./raw-load.js";

const roles = ["proxy", "coordinator", "oracle", "query", "data", "index"] as const;
let cluster: OwnCluster;
let link: NatsLink;

beforeAll(async () => {
  const hosts = [1, 2, 3].map((n) => ({ name: `h${n}`, roles: [...roles] }));
  cluster = await startOwnCluster({ profile: "embedded", hosts });
  link = await connectNats({ servers: cluster.natsUrl, name: "raw", waitForServer: false });
  const reply = await request("db.create-collection", {
    name: "docs",
    shards: 2,
    fields: [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "v", type: "FloatVector", dimension: 4 },
    ],
  });
  expect(reply).not.toHaveProperty("error");
  await cluster.untilReady();
}, 120_000);

afterAll(async () => {
  await link?.close();
  await cluster?.stop();
});

const request = (subject: string, body: object) => rawRequest(link, subject, body);
const load = () => rawLoad(link);

async function hostNamed(name: string) {
  const client = await cluster.connect();
  const { hosts } = await client.cluster();
  return hosts.find(({ host }) => host === name);
}

describe("under load, by a client that retries nothing", () => {
  it("each host is told to end and started again, and no request fails", async () => {
    const end = load();
    for (const host of cluster.hosts) {
      await host.stop();
      await host.restart();
      await cluster.untilReady();
    }
    const { failures, count } = await end();
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(100);
  }, 180_000);

  it("each host is drained, ends by itself and is started again, and no request fails", async () => {
    const end = load();
    for (const host of cluster.hosts) {
      expect(await request("sys.drain", { host: host.name, stop: true })).toEqual({
        accepted: true,
      });
      await eventually(
        `${host.name} has ended`,
        async () => host.pid,
        (pid) => pid === undefined,
      );
      await host.restart();
      await cluster.untilReady();
    }
    const { failures, count } = await end();
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(100);
  }, 180_000);

  it("a drained host is empty and stays so, until it is to work again", async () => {
    expect(await request("sys.drain", { host: "h9" })).toMatchObject({
      error: { code: "host-not-found" },
    });
    expect(await request("sys.drain", { host: "h1" })).toEqual({ accepted: true });
    const drained = await eventually(
      "h1 is empty",
      () => hostNamed("h1"),
      (host) => host?.drain?.phase === "drained",
    );
    expect(drained?.actors).toEqual([]);
    expect(await request("sys.drain", { host: "h1", undo: true })).toEqual({ accepted: true });
    const isBack = (host: Awaited<ReturnType<typeof hostNamed>>) =>
      host?.drain === null && (host?.actors ?? []).length >= 4;
    await eventually("h1 works again", () => hostNamed("h1"), isBack);
  }, 120_000);

  it("hosts come and go, and so do replicas, and no request fails", async () => {
    const end = load();
    for (const replicas of [3, 1, 2]) {
      expect(await request("db.alter-collection", { name: "docs", replicas })).not.toHaveProperty(
        "error",
      );
      await cluster.untilReady();
    }
    for (const name of ["h4", "h5"]) {
      await cluster.addHost({ name, roles: [...roles] });
      await delay(3_000);
    }
    await cluster.untilReady();
    for (const name of ["h1", "h2", "h4", "h5"]) await cluster.host(name).stop();
    const { failures, count } = await end();
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(100);
  }, 180_000);

  it("collections are made again soon after the death of the leading coordinator", async () => {
    await cluster.addHost({ name: "h6", roles: [...roles] });
    await cluster.untilReady();
    const leader = (await Promise.all(["h3", "h6"].map(hostNamed))).find((host) =>
      host?.actors.some(({ actor, phase }) => actor === "coordinator" && phase === "leading"),
    );
    const client = await cluster.connect();
    await cluster.host(leader?.host ?? "").kill();
    const began = performance.now();
    await client.createCollection({
      name: "later",
      fields: [
        { name: "id", type: "Int64", primaryKey: true },
        { name: "v", type: "FloatVector", dimension: 4 },
      ],
    });
    // The TTL of ten seconds and two more, and as much again for a busy machine.
    expect(performance.now() - began).toBeLessThan(24_000);
  }, 120_000);
});
