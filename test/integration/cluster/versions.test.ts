// Two versions side by side: hosts are replaced one by one under load, then the format is raised.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectNats, type NatsLink } from "../../../src/system/nats.js";
import { eventually } from "./cluster.js";
import { type OwnCluster, startOwnCluster } from "./own-cluster.js";
import { rawLoad, rawRequest } from "./raw-load.js";

const roles = ["proxy", "coordinator", "oracle", "query", "data", "index"] as const;
const script = fileURLToPath(
  new URL("../../../dist/scripts/chaos/altered-host.js", import.meta.url),
);
/** As the next version will be, which reads the format that is to come as well. */
const next = { roles: [...roles], script, environment: { ELANUS_TEST_VERSION: "9.0.0 1 2" } };
let cluster: OwnCluster;
let link: NatsLink;

beforeAll(async () => {
  const hosts = ["old1", "old2"].map((name) => ({ name, roles: [...roles] }));
  const environment = { ELANUS_SESSION_TTL_MS: "3000" };
  cluster = await startOwnCluster({ profile: "embedded", hosts, environment });
  link = await connectNats({ servers: cluster.natsUrl, name: "raw", waitForServer: false });
  const fields = [
    { name: "id", type: "Int64", primaryKey: true },
    { name: "v", type: "FloatVector", dimension: 4 },
  ];
  const reply = await rawRequest(link, "db.create-collection", { name: "docs", shards: 2, fields });
  expect(reply).not.toHaveProperty("error");
  await cluster.untilReady();
}, 120_000);

afterAll(async () => {
  await link?.close();
  await cluster?.stop();
});

/** As the leading coordinator says. */
async function formatOfCluster(): Promise<number | undefined> {
  const client = await cluster.connect();
  const { hosts } = await client.cluster();
  await client.close();
  const actors = hosts.flatMap((host) => host.actors);
  return actors.find(({ phase, actor }) => actor === "coordinator" && phase === "leading")?.figures
    .format;
}

describe("a rolling restart into another version, under load", () => {
  it("fails no request, and raises the format when the last old host has gone", async () => {
    const end = rawLoad(link);
    for (const n of [1, 2]) {
      await cluster.addHost({ name: `new${n}`, ...next });
      await cluster.untilReady();
      expect(await formatOfCluster()).toBe(1);
      await cluster.host(`old${n}`).stop();
      await cluster.untilReady();
    }
    await eventually("the format is raised", formatOfCluster, (format) => format === 2);
    const { failures, count } = await end();
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(100);
  }, 180_000);

  it("an old host that comes too late does not start, and says why", async () => {
    const old = cluster.host("old1");
    await old.restart();
    await eventually(
      "it has ended",
      async () => old.pid,
      (pid) => pid === undefined,
    );
    const said = readFileSync(old.logFile, "utf8");
    expect(said).toContain("does not start: the cluster stores format 2: this version reads 1");
    const client = await cluster.connect();
    const { hosts } = await client.cluster();
    expect(hosts.map(({ host }) => host)).not.toContain("old1");
    expect(await formatOfCluster()).toBe(2);
  }, 60_000);
});
