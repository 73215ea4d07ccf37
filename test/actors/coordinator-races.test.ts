// What others write meanwhile, who leads next, and how much a coordinator takes upon itself.
import { describe, expect, it } from "vitest";
import { collectionIdOf } from "../../src/actors/coordinator/commands.js";
import { coordinator } from "../../src/actors/coordinator.js";
import { collectionKey, encodeRecord } from "../../src/messages/records.js";
import { rootKey } from "../../src/storage/manifest.js";
import { Cluster, newCollectionOf, sessionTtlMs, smallCluster, statusOf } from "./cluster.js";

const id = collectionIdOf("r1", "db", "docs");
const key = collectionKey("db", "docs");

describe("what somebody else writes meanwhile", () => {
  /** Somebody writes the key anew just before the coordinator first writes it. */
  function intrude(made: Cluster, intruded: string, value: (before: Uint8Array) => Uint8Array) {
    let isDone = false;
    made.world.onPerform = (effect) => {
      if (isDone || effect.kind !== "writeMetadata" || effect.key !== intruded) return;
      isDone = true;
      const before = made.world.metadata.get(intruded)?.value ?? new Uint8Array();
      made.world.store(intruded, value(before));
    };
  }

  it("is read before the command is decided again", () => {
    const made = smallCluster();
    made.create("r1");
    made.world.run(10);
    intrude(made, key, (before) => {
      const record = JSON.parse(Buffer.from(before).toString());
      return encodeRecord({ ...record, settings: { ...record.settings, asOfWindowMs: 77 } });
    });
    made.alter("r2", id, { replicas: 1 });
    made.world.run(10);
    expect(made.answers("r2")).toEqual([id]);
    expect(made.record()?.settings).toMatchObject({ replicas: 1, asOfWindowMs: 77 });
  });

  it("does not keep a root: a data worker may commit while its collection is dropped", () => {
    const made = smallCluster();
    made.create("r1");
    made.world.run(10);
    intrude(made, rootKey(`${id}-0`), (before) => Buffer.concat([before, Buffer.from(" ")]));
    made.drop("r2", id);
    made.world.run(10);
    expect(made.answers("r2")).toEqual([id]);
    expect(made.remains(id)).toEqual([]);
  });
});

it("a drop waits for the streams that are being made", () => {
  const made = smallCluster();
  made.world.run(100);
  made.world.delayOf = ({ kind }) => (kind === "createChannel" ? 3_000 : 10);
  made.create("r1");
  made.world.run(100);
  made.drop("r2", id);
  made.world.run(10_000);
  expect(made.answers("r2")).toEqual([id]);
  expect(made.remains(id)).toEqual([]);
});

it("a stopped coordinator gives way at once, a silent one after its TTL", () => {
  const made = smallCluster();
  made.world.run(10);
  made.addCoordinator("b");
  made.world.run(10);
  const [first, second] = made.world.nodes;
  if (first === undefined || second === undefined) throw new Error("two coordinators");
  made.world.stop(first);
  made.world.run(sessionTtlMs / 2);
  made.create("r1");
  made.world.run(10);
  expect(made.answers("r1")).toEqual([id]);
  made.world.crash(first);
  made.world.start(first);
  made.world.run(sessionTtlMs);
  made.world.pause(second, 5 * sessionTtlMs);
  made.world.run(2 * sessionTtlMs);
  made.drop("r2", id);
  made.world.run(sessionTtlMs);
  expect(made.answers("r2")).toEqual([id]);
  made.world.run(10 * sessionTtlMs);
  expect(coordinator.status(first.state as never, made.world.now()).phase).toBe("leading");
  expect(coordinator.status(second.state as never, made.world.now()).phase).toBe("standby");
});

it("keeps a command while it works on it", () => {
  const made = smallCluster();
  made.world.run(10);
  made.world.failing = (effect) => effect.kind === "createChannel";
  made.create("r1");
  made.world.run(5_900);
  made.world.failing = () => false;
  expect([...made.world.queue.values()].map((item) => item.deliveries)).toEqual([1]);
  made.world.run(sessionTtlMs);
  expect(made.answers("r1")).toEqual([id]);
});

it("that is to end carries out what it holds, and then gives the role up", () => {
  const made = new Cluster({ random: () => 0.5, latencyMsMax: 200 });
  const node = made.addCoordinator("a");
  made.world.run(1_000);
  made.create("r1");
  made.world.run(300);
  made.world.stop(node);
  made.world.run(60_000);
  expect(made.answers("r1")).toEqual([id]);
  expect(made.world.queue.size).toBe(0);
  const stored = made.world.metadata.get("leaders.coordinator")?.value;
  expect(JSON.parse(Buffer.from(stored ?? []).toString()).renewal).toBe(-1);
});

it("takes no more commands than it can hold", () => {
  const made = smallCluster();
  made.world.run(10);
  made.world.failing = (effect) => effect.kind === "createChannel";
  for (let index = 0; index < 40; index++) {
    made.create(`r${index}`, newCollectionOf({ name: `c${index}` }));
  }
  made.world.run(6_000);
  expect(statusOf(made).figures.commands).toBe(16);
  made.world.failing = () => false;
  made.world.run(2 * sessionTtlMs);
  expect(made.world.queue.size).toBe(0);
  expect(made.world.channels.size).toBe(80);
});
