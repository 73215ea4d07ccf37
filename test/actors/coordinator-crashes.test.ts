// Whatever is done to coordinators, commands are carried out once, and nothing stays half done.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { collectionIdOf } from "../../src/actors/coordinator/commands.js";
import { Cluster, sessionTtlMs } from "./cluster.js";
import { type Node, randomFrom } from "./world.js";

const firstId = collectionIdOf("r1", "db", "docs");

/** Two coordinators, one of which leads; a collection to drop or alter, if one is asked for. */
function prepared(withCollection: boolean): Cluster {
  const made = new Cluster({ random: () => 0 });
  made.addHost("h1");
  made.addHost("h2");
  made.addCoordinator("a");
  made.world.run(100);
  made.addCoordinator("b");
  if (withCollection) made.create("r1");
  made.world.run(100);
  if (withCollection) made.world.objects.set(`${firstId}/x`, new Uint8Array(1));
  // A collection may be used once it is 'ready': so it lacks nothing, at any moment.
  made.world.onPerform = () => expect(made.missing()).toEqual([]);
  return made;
}

type Command = "create" | "drop" | "alter";

function begin(made: Cluster, command: Command): void {
  if (command === "create") made.create("r1");
  if (command === "drop") made.drop("r2", firstId);
  if (command === "alter") made.alter("r2", firstId, { replicas: 1 });
}

function expectDone(made: Cluster, command: Command): void {
  expect(made.answers(command === "create" ? "r1" : "r2").at(-1)).toBe(firstId);
  expect(made.world.queue.size).toBe(0);
  expect(made.missing()).toEqual([]);
  if (command === "drop") {
    expect(made.record()).toBe(null);
    expect(made.remains(firstId)).toEqual([]);
    return;
  }
  expect(made.record()?.state).toBe("ready");
  const { replicas = 0 } = made.record()?.settings ?? {};
  expect(replicas).toBe(command === "alter" ? 1 : 2);
  expect(made.assignments().map(({ query }) => query.length)).toEqual([replicas, replicas]);
}

/** The leader dies when it begins its `effects`-th effect from now on; it is started again. */
function dieAfter(made: Cluster, node: Node, effects: number): void {
  node.effectsLeft = effects;
  const watch = (): void => {
    if (node.isAlive) made.world.schedule(500, watch);
    else made.world.schedule(3_000, () => node.isAlive || made.world.start(node));
  };
  watch();
}

describe("a leader that dies at any of its effects", () => {
  for (const command of ["create", "drop", "alter"] as const) {
    it(`leaves a ${command} to the next one, who ends it`, () => {
      for (let effects = 0; effects < 40; effects++) {
        const made = prepared(command !== "create");
        const [leader] = made.world.nodes;
        begin(made, command);
        dieAfter(made, leader as Node, effects);
        made.world.run(6 * sessionTtlMs);
        expectDone(made, command);
      }
    });
  }

  it("may be followed by one that dies too", () => {
    const deaths = fc.integer({ min: 0, max: 45 });
    const command = fc.constantFrom<Command>("create", "drop", "alter");
    fc.assert(
      fc.property(deaths, deaths, command, (first, second, command) => {
        const made = prepared(command !== "create");
        const [a, b] = made.world.nodes as [Node, Node];
        begin(made, command);
        dieAfter(made, a, first);
        dieAfter(made, b, second);
        made.world.run(8 * sessionTtlMs);
        expectDone(made, command);
      }),
      { numRuns: 60 },
    );
  });
});

interface Turn {
  readonly request: string;
  readonly id: string;
  readonly isCreation: boolean;
}

/** Creates and drops one name by turns, each when the last was answered; some of it twice. */
function startClient(made: Cluster, turns: number, random: () => number): Turn[] {
  const done: Turn[] = [];
  const turnOf = (index: number): Turn => {
    const isCreation = index % 2 === 0;
    const creation = `r${index - (index % 2)}`;
    const request = isCreation ? creation : `r${index}`;
    return { request, id: collectionIdOf(creation, "db", "docs"), isCreation };
  };
  const send = ({ request, id, isCreation }: Turn): void => {
    if (isCreation) made.create(request);
    else made.drop(request, id);
  };
  let answersSeen = 0;
  const go = (): void => {
    const turn = turnOf(done.length);
    const answers = made.answers(turn.request);
    if (answers.includes(turn.id)) {
      done.push(turn);
      answersSeen = 0;
      if (random() < 0.4) made.world.schedule(random() * 60_000, () => send(turn));
      if (done.length < turns) send(turnOf(done.length));
    } else if (answers.length > answersSeen) {
      answersSeen = answers.length;
      send(turn);
    }
    if (done.length < turns) made.world.schedule(500, go);
  };
  send(turnOf(0));
  go();
  return done;
}

/** Crashes, pauses past the TTL, failing stores, lost acknowledgements, hosts that come and go. */
function runDisturbed(seed: number, turns: number): { made: Cluster; done: Turn[] } {
  const random = randomFrom(seed);
  const rates = { failureRate: 0.1, lostAcknowledgements: 0.15 };
  const made = new Cluster({ random, latencyMsMax: 300, ...rates });
  for (const name of ["h1", "h2", "h3"]) made.addHost(name);
  const nodes = [made.addCoordinator("a"), made.addCoordinator("b")];
  const done = startClient(made, turns, random);
  for (let round = 0; round < 60; round++) {
    for (const node of nodes) if (!node.isAlive && random() < 0.5) made.world.start(node);
    disturb(made, nodes[Math.floor(random() * 2)] as Node, random);
    made.world.run(random() * 6_000);
    expect(made.missing()).toEqual([]);
  }
  made.world.failureRate = 0;
  made.world.run(60_000);
  for (const node of nodes) if (!node.isAlive) made.world.start(node);
  made.world.run(120_000 + turns * 15_000);
  return { made, done };
}

function disturb({ world, hosts }: Cluster, node: Node, random: () => number): void {
  const dice = random();
  if (dice < 0.15) world.pause(node, random() * 3 * sessionTtlMs);
  else if (dice < 0.3) world.crash(node);
  else if (dice < 0.5) node.effectsLeft = Math.floor(random() * 12);
  else if (dice < 0.6) {
    world.stop(node);
    world.schedule(1_000, () => {
      world.crash(node);
      world.start(node);
    });
  } else if (dice < 0.7 && hosts[0]) hosts[0].isAlive = false;
}

describe("two coordinators under everything at once", () => {
  it("carry out each command once, whatever is delivered again", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 6 }), (seed, turns) => {
        const { made, done } = runDisturbed(seed, turns);
        expect(done.length).toBe(turns);
        expect(made.world.queue.size).toBe(0);
        expect(made.missing()).toEqual([]);
        const last = done.at(-1) as Turn;
        for (const { id } of done) {
          if (id !== last.id || !last.isCreation) expect(made.remains(id)).toEqual([]);
        }
        const record = made.record();
        if (!last.isCreation) expect(record).toBe(null);
        else expect(record).toMatchObject({ collectionId: last.id, state: "ready" });
        const hosts = made.hosts.filter((host) => host.isAlive).map((host) => host.name);
        for (const { data, query } of made.assignments()) {
          expect(hosts).toContain(data);
          for (const host of query) expect(hosts).toContain(host);
        }
      }),
      { numRuns: 40 },
    );
  });
});
