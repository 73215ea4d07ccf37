// Timestamps strictly grow over crashes, pauses, failing stores and a wall clock that jumps.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { timestampOracle } from "../../src/actors/timestamp-oracle.js";
import { fromMs, hybrid, logicalMax, toMs } from "../../src/log/timestamp.js";
import { AllocateTimestamp } from "../../src/messages/command.js";
import { encodeRecord, leaderRecord, parseRecord } from "../../src/messages/records.js";
import { TimestampReply } from "../../src/messages/reply.js";
import type { Effect, Now, Outcome } from "../../src/system/actor.js";
import { type Node, randomFrom, World } from "./world.js";

const sessionTtlMs = 10_000;
const settings = (host: string) => ({ host, sessionTtlMs });

function request(world: World, deadlineMs = Number.MAX_SAFE_INTEGER): void {
  const fields = { proxy: "p", request: `r${world.queue.size}`, deadlineMs };
  world.enqueue(AllocateTimestamp.create(fields));
}

function handedOut(world: World): { atMs: number; timestamp: bigint; node: string }[] {
  return world.published.flatMap(({ atMs, node, message }) =>
    message.kind === "TimestampReply" ? [{ atMs, node, timestamp: message.timestamp }] : [],
  );
}

function expectGrowing(world: World): void {
  const timestamps = handedOut(world).map(({ timestamp }) => timestamp);
  for (let index = 1; index < timestamps.length; index++) {
    expect(timestamps[index] as bigint).toBeGreaterThan(timestamps[index - 1] as bigint);
  }
}

describe("one oracle", () => {
  it("answers with the wall clock's time and counts on within a millisecond", () => {
    const world = new World({ random: () => 0 });
    world.addNode("a", timestampOracle, settings("a"));
    for (let index = 0; index < 3; index++) request(world);
    world.run(10);
    const wall = world.wallOffsetMs;
    expect(handedOut(world).map(({ timestamp }) => timestamp)).toEqual([
      fromMs(wall),
      hybrid(wall, 1),
      hybrid(wall, 2),
    ]);
    expect(world.queue.size).toBe(0);
  });

  it("writes the window before it hands out, and only when there is demand", () => {
    const writes: number[] = [];
    const world = new World({
      random: () => 0,
      onEffect: (_node, effect) => {
        if (effect.kind === "writeMetadata" && effect.key === "oracle.window") {
          writes.push(world.timeMs);
        }
      },
    });
    world.addNode("a", timestampOracle, settings("a"));
    world.run(60_000);
    expect(writes).toEqual([0]);
    request(world);
    world.run(10);
    expect(writes).toEqual([0, 60_000]);
    expect(handedOut(world).map(({ timestamp }) => toMs(timestamp))).toEqual([
      world.wallOffsetMs + 60_000,
    ]);
  });

  it("drops a request past its deadline", () => {
    const world = new World({ random: () => 0 });
    request(world, 1);
    world.addNode("a", timestampOracle, settings("a"));
    world.run(10);
    expect(world.queue.size).toBe(0);
    expect(handedOut(world)).toEqual([]);
  });

  it("waits with a window that cannot be read, and says why", () => {
    const world = new World({ random: () => 0 });
    world.store("oracle.window", encodeRecord({ version: 2 }));
    const node = world.addNode("a", timestampOracle, settings("a"));
    request(world);
    world.run(5_000);
    expect(handedOut(world)).toEqual([]);
    expect(timestampOracle.status(node.state as never, world.now()).cause).toMatch(
      /oracle\.window/,
    );
  });

  it("goes on from the last timestamp when the wall clock jumps back, and keeps a full counter", () => {
    const { state, now } = leading();
    const first = timestampAfter(state, now);
    const before: Now = { monotonicMs: 1_000, wallMs: now.wallMs - 3_600_000 };
    expect(timestampAfter(state, before)).toBe(first + 1n);
    state.last = hybrid(now.wallMs, logicalMax);
    expect(timestampAfter(state, before)).toBe(fromMs(now.wallMs + 1));
  });

  it("hands out nothing at or beyond its bound", () => {
    const { state } = leading();
    const bound = state.window?.untilMs as number;
    const late: Now = { monotonicMs: 1_000, wallMs: bound };
    const effects = step(state, delivered(), late);
    expect(effects.some((effect) => effect.kind === "publish")).toBe(false);
    const [write] = effects.filter((effect) => effect.kind === "writeMetadata");
    const id = write?.kind === "writeMetadata" ? write.id : "";
    const result = { ok: true, revision: 9 } as const;
    const answered = step(state, { kind: "MetadataWritten", id, result }, late);
    const reply = answered.find((effect) => effect.kind === "publish");
    expect(reply).toMatchObject({ message: { timestamp: fromMs(bound) } });
  });

  it("writes a bound of unknown outcome again, byte for byte, after a while", () => {
    const { state, now } = leading();
    const late: Now = { monotonicMs: 1_000, wallMs: now.wallMs + 2_500 };
    const write = step(state, delivered(), late).find((effect) => effect.kind === "writeMetadata");
    const id = write?.kind === "writeMetadata" ? write.id : "";
    const result = { ok: false, reason: "unavailable", detail: "away" } as const;
    step(state, { kind: "MetadataWritten", id, result }, late);
    const later: Now = { monotonicMs: 2_000, wallMs: now.wallMs + 2_900 };
    const again = step(state, delivered(), later).find((effect) => effect.kind === "writeMetadata");
    expect({ ...again, id }).toEqual(write);
  });

  it("stops when another has moved its window", () => {
    const { state, now } = leading();
    const late: Now = { monotonicMs: 1_000, wallMs: now.wallMs + 2_500 };
    const write = step(state, delivered(), late).find((effect) => effect.kind === "writeMetadata");
    const id = write?.kind === "writeMetadata" ? write.id : "";
    const result = { ok: false, reason: "conflict" } as const;
    const effects = step(state, { kind: "MetadataWritten", id, result }, late);
    expect(effects.map((effect) => effect.kind)).toEqual(["restart"]);
    expect(step(state, delivered(), late)).toEqual([]);
  });
});

type State = ReturnType<typeof timestampOracle.initial>;
let deliveries = 0;

function delivered(): Outcome {
  deliveries += 1;
  const fields = { proxy: "p", request: "r", deadlineMs: Number.MAX_SAFE_INTEGER };
  const message = AllocateTimestamp.create(fields);
  return { kind: "Delivered", delivery: `d${deliveries}`, deliveries: 1, message };
}

function step(state: State, outcome: Outcome, now: Now): readonly Effect[] {
  timestampOracle.apply(state, outcome, now);
  return timestampOracle.decide(state, now);
}

/** One that has just taken over and claimed its first window. */
function leading(): { state: State; now: Now } {
  const now: Now = { monotonicMs: 0, wallMs: 1_700_000_000_000 };
  const state = timestampOracle.initial(settings("a"));
  const waiting: Outcome[] = [{ kind: "Started", incarnation: "i" }];
  for (let outcome = waiting.shift(); outcome !== undefined; outcome = waiting.shift()) {
    for (const effect of step(state, outcome, now)) {
      const { id } = "id" in effect ? effect : { id: "" };
      const ok = { ok: true as const };
      if (effect.kind === "readMetadata") {
        waiting.push({ kind: "MetadataRead", id, result: { ...ok, entry: null } });
      }
      if (effect.kind === "writeMetadata") {
        waiting.push({ kind: "MetadataWritten", id, result: { ...ok, revision: 1 } });
      }
    }
  }
  return { state, now };
}

function timestampAfter(state: State, now: Now): bigint {
  const reply = step(state, delivered(), now).find((effect) => effect.kind === "publish");
  if (reply?.kind !== "publish" || reply.message.kind !== "TimestampReply") throw new Error("none");
  return reply.message.timestamp;
}

/** Two oracles under crashes, pauses past the TTL, jumps of the wall clock and failing stores. */
function runDisturbed(seed: number): World {
  const random = randomFrom(seed);
  const world: World = new World({
    random,
    latencyMsMax: 400,
    failureRate: 0.15,
    lostAcknowledgements: 0.1,
    onEffect: (node, effect) => expectLeader(world, node, effect),
  });
  const nodes = ["a", "b"].map((name) => world.addNode(name, timestampOracle, settings(name)));
  for (let round = 0; round < 40; round++) {
    for (let count = Math.floor(random() * 4); count > 0; count--) request(world);
    for (const node of nodes) if (!node.isAlive && random() < 0.5) world.start(node);
    disturb(world, nodes[Math.floor(random() * 2)] as Node, random);
    world.run(random() * 6_000);
  }
  world.failureRate = 0;
  world.run(60_000);
  return world;
}

function disturb(world: World, node: Node, random: () => number): void {
  const dice = random();
  if (dice < 0.15) world.pause(node, random() * 3 * sessionTtlMs);
  else if (dice < 0.3) world.crash(node);
  else if (dice < 0.4) world.wallOffsetMs += (random() - 0.5) * 7_200_000;
  else if (dice < 0.5) node.effectsLeft = Math.floor(random() * 6);
  else if (dice < 0.55) {
    world.stop(node);
    world.schedule(1_000, () => {
      world.crash(node);
      world.start(node);
    });
  }
}

/**
 * Whoever hands out a timestamp is the leader on record at that moment. Word that the role is free
 * may come when another has it already.
 */
function expectLeader(world: World, node: Node, effect: Effect): void {
  if (effect.kind !== "publish" || effect.message.kind !== TimestampReply.kind) return;
  const stored = world.metadata.get("leaders.oracle");
  const parsed = stored === undefined ? null : parseRecord(leaderRecord, stored.value);
  expect(parsed?.ok && parsed.record.incarnation).toBe(node.incarnation);
}

describe("two oracles", () => {
  it("hand out timestamps that strictly grow over any fail-over, and answer in the end", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const world = runDisturbed(seed);
        for (const node of world.nodes) if (!node.isAlive) world.start(node);
        world.run(60_000);
        expectGrowing(world);
        expect(world.queue.size).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it("pass the role on at once when one is stopped, and within two TTL when it dies", () => {
    const world = new World({ random: () => 0, latencyMsMax: 0 });
    const first = world.addNode("a", timestampOracle, settings("a"));
    world.run(100);
    world.addNode("b", timestampOracle, settings("b"));
    world.run(5_000);
    world.stop(first);
    world.run(sessionTtlMs / 3 + 100);
    request(world);
    world.run(100);
    expect(handedOut(world).map(({ node }) => node)).toEqual(["b"]);
    world.crash(first);
    world.start(first);
    world.run(5_000);
    world.crash(world.nodes[1] as Node);
    request(world);
    world.run(2 * sessionTtlMs);
    expect(handedOut(world).map(({ node }) => node)).toEqual(["b", "a"]);
    expectGrowing(world);
  });
});
