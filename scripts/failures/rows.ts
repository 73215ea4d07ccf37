// The table of failures: each row with its hosts, its failure and what is allowed.
import { setTimeout as delay } from "node:timers/promises";
import type { HostProcess } from "../cluster/host-process.js";
import { clusterRows } from "./cluster-rows.js";
import { collectionName } from "./ledger.js";
import { noMoreThan, type Scenario, type Stage } from "./scenario.js";

const front = { name: "front", roles: ["proxy", "coordinator", "oracle"] } as const;
const everything = ["proxy", "coordinator", "oracle", "query", "data", "index"] as const;
const membersMax = 8;
const memberEveryMs = 5_000;
const back = { name: "back", roles: ["data", "index"] } as const;
const queries = [
  { name: "query-1", roles: ["query"] },
  { name: "query-2", roles: ["query"] },
] as const;

const queryHostKilled: Scenario = {
  row: "query-killed",
  title: "a query host",
  profile: "embedded",
  hosts: [front, back, ...queries],
  allowed: { failed: 0, slowestMs: 800 },
  async strike({ cluster, struck }) {
    struck();
    await cluster.host("query-1").kill();
    return [];
  },
};

const queryHostRestarted: Scenario = {
  row: "query-restarted",
  title: "a query host, started again at once",
  profile: "embedded",
  hosts: [front, back, ...queries],
  allowed: { failed: 0, slowestMs: 800 },
  async strike({ cluster, struck }) {
    struck();
    await cluster.host("query-1").restart();
    return [];
  },
};

const queryHostFrozen: Scenario = {
  row: "query-frozen",
  title: "a query host, frozen for 3 TTL",
  profile: "embedded",
  hosts: [front, back, ...queries],
  allowed: { failed: 0, slowestMs: 800 },
  async strike({ cluster, struck, sessionTtlMs }) {
    struck();
    cluster.host("query-1").freeze();
    await delay(3 * sessionTtlMs);
    cluster.host("query-1").thaw();
    return [];
  },
};

const coordinatorKilled: Scenario = {
  row: "coordinator-killed",
  title: "the active coordinator",
  profile: "embedded",
  hosts: [
    { name: "proxy", roles: ["proxy", "oracle"] },
    { name: "coordinator-1", roles: ["coordinator"] },
    { name: "coordinator-2", roles: ["coordinator"] },
    back,
    ...queries,
  ],
  allowed: { failed: 0, failedOf: ["insert", "search"] },
  async strike(stage) {
    const leader = await leaderOf(stage, "coordinator");
    stage.struck();
    await leader.kill();
    const askedAtMs = performance.now();
    await stage.client.createCollection({
      name: "after_the_coordinator",
      fields: [
        { name: "id", type: "Int64", primaryKey: true },
        { name: "v", type: "FloatVector", dimension: 2 },
      ],
    });
    const tookMs = performance.now() - askedAtMs;
    return [noMoreThan("a collection created after", tookMs, stage.sessionTtlMs + 2_000)];
  },
};

const oracleKilled: Scenario = {
  row: "oracle-killed",
  title: "the active timestamp oracle",
  profile: "embedded",
  hosts: [
    { name: "proxy", roles: ["proxy", "coordinator"] },
    { name: "oracle-1", roles: ["oracle"] },
    { name: "oracle-2", roles: ["oracle"] },
    back,
    ...queries,
  ],
  allowed: { failed: 0 },
  async strike(stage) {
    const leader = await leaderOf(stage, "timestamp-oracle");
    stage.struck();
    await leader.kill();
    await delay(2 * stage.sessionTtlMs);
    return [];
  },
};

const dataHostKilled: Scenario = {
  row: "data-killed",
  title: "a data host",
  profile: "embedded",
  hosts: [
    front,
    { name: "data-1", roles: ["data", "index"] },
    { name: "data-2", roles: ["data", "index"] },
    ...queries,
  ],
  allowed: { failed: 0 },
  async strike(stage) {
    const owner = await hostWith(stage, "data-worker", "owning");
    stage.struck();
    await owner.kill();
    const askedAtMs = performance.now();
    await stage.client.collection(collectionName).flush({ timeoutMs: 60_000 });
    const tookMs = performance.now() - askedAtMs;
    const findings = [noMoreThan("flushed by another after", tookMs, stage.sessionTtlMs + 10_000)];
    const next = await hostWith(stage, "data-worker", "owning", owner);
    return [
      ...findings,
      { what: "owner", value: next.name, allowed: `not ${owner.name}`, met: true },
    ];
  },
};

const indexHostKilled: Scenario = {
  row: "index-killed",
  title: "an index host",
  profile: "embedded",
  hosts: [
    front,
    { name: "data", roles: ["data"] },
    { name: "index-1", roles: ["index"] },
    { name: "index-2", roles: ["index"] },
    ...queries,
  ],
  allowed: { failed: 0 },
  async strike(stage) {
    // What a frozen one takes off the queue it has in hand when it dies.
    const victim = stage.cluster.host("index-1");
    victim.freeze();
    await stage.write(2_500);
    await stage.client.collection(collectionName).flush({ timeoutMs: 60_000 });
    stage.struck();
    await victim.kill();
    const askedAtMs = performance.now();
    // What the data worker says of itself is older than the flush until then.
    await delay(stage.sessionTtlMs);
    await untilIndexed(stage);
    const tookMs = performance.now() - askedAtMs;
    // A task that its holder never acknowledged is given out again after half a minute.
    return [noMoreThan("everything sealed indexed after", tookMs, 45_000)];
  },
};

const proxyKilled: Scenario = {
  row: "proxy-killed",
  title: "a proxy, of two",
  profile: "embedded",
  hosts: [
    { name: "proxy-1", roles: ["proxy"] },
    { name: "proxy-2", roles: ["proxy"] },
    { name: "center", roles: ["coordinator", "oracle", "data", "index"] },
    ...queries,
  ],
  allowed: { failed: 0 },
  async strike({ cluster, struck }) {
    struck();
    await cluster.host("proxy-1").kill();
    return [];
  },
};

const natsKilled: Scenario = {
  row: "nats-killed",
  title: "the nats-server, started again",
  profile: "embedded",
  hosts: [front, back, ...queries],
  // A second for its own start.
  allowed: { failed: 0, recoveryMs: 3_000 },
  async strike({ cluster, struck }) {
    struck();
    await cluster.nats[0]?.restart();
    return [];
  },
};

const membersCome: Scenario = {
  row: "members-change",
  title: "a host added or removed every 5 s, 1 to 8 and back",
  profile: "embedded",
  hosts: [{ name: "host-1", roles: everything }],
  replicas: 1,
  allowed: { failed: 0 },
  async strike({ cluster, struck }) {
    struck();
    for (let count = 2; count <= membersMax; count += 1) {
      await cluster.addHost({ name: `host-${count}`, roles: everything });
      await delay(memberEveryMs);
    }
    for (let count = membersMax; count > 1; count -= 1) {
      await Promise.all([cluster.host(`host-${count}`).stop(), delay(memberEveryMs)]);
    }
    return [];
  },
};

export const scenarios: readonly Scenario[] = [
  queryHostKilled,
  queryHostRestarted,
  queryHostFrozen,
  coordinatorKilled,
  oracleKilled,
  dataHostKilled,
  indexHostKilled,
  proxyKilled,
  natsKilled,
  membersCome,
  ...clusterRows,
];

const leaderOf = (stage: Stage, actor: string) => hostWith(stage, actor, "leading");

const searchEveryMs = 100;
const searchForMs = 30_000;

/** Asks until some host says so: what hosts say of themselves is up to a third of a TTL old. */
async function hostWith(
  { client, cluster }: Stage,
  actor: string,
  phase: string,
  except?: HostProcess,
): Promise<HostProcess> {
  const until = performance.now() + searchForMs;
  while (performance.now() < until) {
    const { hosts } = await client.cluster();
    const found = hosts.find(
      ({ host, actors }) =>
        host !== except?.name && actors.some((one) => one.actor === actor && one.phase === phase),
    );
    if (found !== undefined) return cluster.host(found.host);
    await delay(searchEveryMs);
  }
  throw new Error(`no host has a ${actor} that is ${phase}`);
}

/** Segments that are to have an index and have none: the data worker counts them. */
async function untilIndexed({ client }: Stage): Promise<void> {
  const until = performance.now() + 2 * searchForMs;
  while (performance.now() < until) {
    const { hosts } = await client.cluster();
    const owners = hosts.flatMap(({ actors }) =>
      actors.filter(({ actor, phase }) => actor === "data-worker" && phase === "owning"),
    );
    if (owners.length > 0 && owners.every(({ figures }) => figures.unindexed === 0)) return;
    await delay(searchEveryMs);
  }
  throw new Error("segments are without an index a minute after the fault");
}
