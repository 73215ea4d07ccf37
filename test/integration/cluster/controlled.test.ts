// A cluster under control: what is killed stays dead, what is frozen goes on, nothing is left over.
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, isAlive } from "./cluster.js";
import { type OwnCluster, startOwnCluster } from "./own-cluster.js";

let cluster: OwnCluster;

beforeAll(async () => {
  cluster = await startOwnCluster({
    profile: "embedded",
    hosts: [
      { name: "front", roles: ["proxy", "coordinator", "oracle"] },
      { name: "rows-1", roles: ["query", "data", "index"] },
    ],
    environment: { ELANUS_SESSION_TTL_MS: "2000" },
  });
});
afterAll(() => cluster?.stop());

it("is ready only when each channel has its replicas", async () => {
  const client = await cluster.connect();
  await client.createCollection({
    name: "docs",
    fields: [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "v", type: "FloatVector", dimension: 2 },
    ],
    replicas: 2,
  });
  await cluster.addHost({ name: "rows-2", roles: ["query"] });
  await cluster.untilReady();
  const { hosts } = await client.cluster();
  const serving = hosts.flatMap(({ actors }) => actors.filter(({ phase }) => phase === "serving"));
  expect(serving.filter(({ actor }) => actor === "query-worker")).toHaveLength(2);
});

it("leaves a killed host dead until it is started again", async () => {
  const host = cluster.host("rows-2");
  const { pid = 0 } = host;
  await host.kill();
  expect(host.pid).toBeUndefined();
  expect(isAlive(pid)).toBe(false);
  await host.restart();
  expect(host.pid).not.toBe(pid);
  await cluster.untilReady();
});

it("freezes a host, and thaws it", async () => {
  const host = cluster.host("rows-1");
  const options = ["-o", "state=", "-p", String(host.pid)];
  const state = async () => execFileSync("ps", options, { encoding: "utf8" }).trim()[0];
  host.freeze();
  await eventually("a stopped process", state, (letter) => letter === "T");
  host.thaw();
  await eventually("a running process", state, (letter) => letter !== "T");
});

it("keeps its rows over a restart of the nats-server", async () => {
  const client = await cluster.connect();
  const docs = client.collection("docs");
  await docs.insert([{ id: 1, v: [1, 2] }]);
  await cluster.nats[0]?.restart();
  await cluster.untilReady();
  expect((await docs.count()).count).toBe(1);
});
