// A task is acknowledged when its product is announced or can never be made, and not before.
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { indexWorker } from "../../src/actors/index-worker.js";
import type { ObjectReference } from "../../src/messages/control.js";
import { BuildIndex, CompactSegments, type TaskMessage } from "../../src/messages/task.js";
import { assertObjectKey } from "../../src/storage/object-store.js";
import type { Effect, Now, Outcome } from "../../src/system/actor.js";
import type { ComputeResult } from "../../src/system/compute.js";

const now: Now = { monotonicMs: 0, wallMs: 0 };
const ackWaitMs = 30_000;
const sha256 = "ab".repeat(32);
const objectOf = (name: string): ObjectReference => ({ key: `c1/c1-0/${name}`, sha256, bytes: 9 });

const build = BuildIndex.create({
  ...{ channel: "c1-0", collectionId: "c1", segmentId: "s9-1", rowCount: 3_000, field: "v" },
  ...{ dimension: 4, metric: "L2", parameters: { M: 16, efConstruction: 200 } },
  segment: objectOf("s9-1"),
});
const input = (segmentId: string, from: number, through: number) => {
  return { segmentId, from, through, object: objectOf(segmentId) };
};
const compact = CompactSegments.create({
  ...{ channel: "c1-0", collectionId: "c1", epoch: 4, keyField: "id", appliedThrough: 20 },
  inputs: [input("s9-1", 0, 9), input("s20-1", 9, 20)],
  laterSegments: [input("s30-1", 20, 30)],
  tombstones: [objectOf("tombstones")],
});

const indexed: ComputeResult = { kind: "indexBuilt", bytes: new Uint8Array(5), sha256 };
const merged = { kind: "compacted", sha256, rowCount: 7, keyDigest: "00" } as const;

let state: ReturnType<typeof indexWorker.initial>;
/** The effect that the task waits for. */
let awaited: Effect | null;

function step(outcome: Outcome): readonly Effect[] {
  indexWorker.apply(state, outcome, now);
  const effects = indexWorker.decide(state, now);
  awaited = effects.find((effect) => "id" in effect && effect.id === state.inHand) ?? awaited;
  return effects;
}

function deliver(message: TaskMessage, deliveries = 1, delivery = "d1"): readonly Effect[] {
  return step({ kind: "Delivered", delivery, deliveries, message });
}

const id = () => state.inHand ?? "none";
const unreadable = (reason: "missing" | "corrupt" | "unavailable") => {
  return { ok: false as const, reason, detail: `it is ${reason}` };
};
const read = (result: Extract<Outcome, { kind: "ObjectRead" }>["result"]) =>
  step({ kind: "ObjectRead", id: id(), result });
const readOk = () => read({ ok: true, bytes: new Uint8Array(9) });
const computed = (value: ComputeResult) =>
  step({ kind: "Computed", id: id(), result: { ok: true, value } });
const failed = () => step({ kind: "Computed", id: id(), result: { ok: false, detail: "no room" } });
const stored = () => step({ kind: "ObjectWritten", id: id(), result: { ok: true } });
const notStored = () =>
  step({
    kind: "ObjectWritten",
    id: id(),
    result: { ok: false, reason: "unavailable", detail: "away" },
  });
const fire = (timer: "extend" | "pause" | "write") =>
  step({ kind: "TimerFired", id: state.timers[timer] ?? "none" });
const kinds = (effects: readonly Effect[]) => effects.map(({ kind }) => kind);

beforeEach(() => {
  awaited = null;
  state = indexWorker.initial({ host: "h", ackWaitMs });
  expect(kinds(step({ kind: "Started", incarnation: "i1" }))).toEqual(["take"]);
});

describe("the building of an index", () => {
  it("reads, builds, writes, announces, acknowledges, and asks for the next", () => {
    expect(kinds(deliver(build))).toEqual(["timer", "readObject"]);
    expect(readOk()).toMatchObject([{ kind: "compute", job: { kind: "buildIndex", task: build } }]);
    const [write] = computed(indexed);
    const key = write?.kind === "writeObject" ? write.key : "";
    assertObjectKey(key);
    expect(key).toMatch(/^c1\/c1-0\/indexes\/s9-1-[0-9a-f]{16}-abababababababab\.hnsw$/);
    const object = { key, sha256, bytes: 5 };
    expect(stored()).toMatchObject([
      { kind: "publish", message: { kind: "IndexBuilt", segmentId: "s9-1", field: "v", object } },
      { kind: "acknowledge", delivery: "d1" },
      { kind: "take", credits: 1 },
    ]);
  });

  it("writes under another key at every attempt", () => {
    const keys = ["i1", "i2"].flatMap((incarnation) =>
      ["d1", "d2"].map((delivery) => {
        state = indexWorker.initial({ host: "h", ackWaitMs });
        step({ kind: "Started", incarnation });
        deliver(build, 1, delivery);
        readOk();
        const [write] = computed(indexed);
        return write?.kind === "writeObject" ? write.key : "";
      }),
    );
    expect(new Set(keys).size).toBe(4);
  });
});

describe("the merging of segments", () => {
  it("writes one object under the asker's epoch and announces what it replaces", () => {
    expect(kinds(deliver(compact))).toEqual(["timer", "compute"]);
    const [write] = computed({ ...merged, bytes: new Uint8Array(6) });
    const key = write?.kind === "writeObject" ? write.key : "";
    assertObjectKey(key);
    expect(key).toMatch(/^c1\/c1-0\/segments\/c20-[0-9a-f]{16}-4-abababababababab\.arrow$/);
    const [publish, acknowledge] = stored();
    expect(publish).toMatchObject({
      message: {
        ...{ kind: "SegmentsCompacted", inputs: ["s9-1", "s20-1"], appliedThrough: 20 },
        ...{ rowCount: 7, object: { key, sha256, bytes: 6 } },
      },
    });
    expect(acknowledge?.kind).toBe("acknowledge");
  });

  it("that leaves no row writes nothing and says so", () => {
    deliver(compact);
    expect(computed({ ...merged, rowCount: 0, bytes: null })).toMatchObject([
      { kind: "publish", message: { kind: "SegmentsCompacted", object: null, rowCount: 0 } },
      { kind: "acknowledge" },
      { kind: "take" },
    ]);
  });

  it("that meets damage reads each segment alone and names those that are damaged", () => {
    deliver(compact);
    expect(computed({ ...unreadable("corrupt"), kind: "unreadable" })).toMatchObject([
      { kind: "readObject", key: "c1/c1-0/s9-1" },
    ]);
    expect(readOk()).toMatchObject([{ kind: "readObject", key: "c1/c1-0/s20-1" }]);
    expect(read(unreadable("corrupt"))).toMatchObject([
      { kind: "publish", message: { kind: "SegmentDamaged", segmentId: "s20-1" } },
      { kind: "readObject", key: "c1/c1-0/s30-1" },
    ]);
    expect(kinds(read(unreadable("missing")))).toEqual(["report", "acknowledge", "take"]);
  });
});

describe("what does not work out", () => {
  type Step = () => readonly Effect[];
  const asUnreadable = (reason: "missing" | "corrupt" | "unavailable"): Step => {
    return () => computed({ ...unreadable(reason), kind: "unreadable" });
  };
  const leave = "report timer";
  const cases: [string, TaskMessage, Step[], string][] = [
    ["segment missing", build, [() => read(unreadable("missing"))], "acknowledge take"],
    ["segment corrupt", build, [() => read(unreadable("corrupt"))], "publish acknowledge take"],
    ["segment away", build, [() => read(unreadable("unavailable"))], leave],
    ["build fails", build, [readOk, failed], leave],
    [
      "build impossible",
      build,
      [readOk, () => computed({ kind: "invalid", message: "no" })],
      "report acknowledge take",
    ],
    ["bytes no segment", build, [readOk, asUnreadable("corrupt")], "publish acknowledge take"],
    ["input missing", compact, [asUnreadable("missing")], "acknowledge take"],
    ["input away", compact, [asUnreadable("unavailable")], leave],
    ["merge fails", compact, [failed], leave],
    [
      "away while looking for damage",
      compact,
      [asUnreadable("corrupt"), () => read(unreadable("unavailable"))],
      leave,
    ],
  ];
  for (const [title, message, steps, expected] of cases) {
    it(title, () => {
      let effects = deliver(message);
      for (const each of steps) effects = each();
      expect(kinds(effects).join(" ")).toBe(expected);
      expect(state.task).toBe(null);
    });
  }

  it("is tried after a pause that grows with every failure, up to a minute", () => {
    const pauses: number[] = [];
    for (let turn = 0; turn < 9; turn++) {
      deliver(build, turn % 5);
      const timer = read(unreadable("unavailable")).find((effect) => effect.kind === "timer");
      if (timer?.kind === "timer") pauses.push(timer.afterMs);
      expect(kinds(fire("pause"))).toEqual(["take"]);
    }
    expect(pauses.slice(0, 3)).toEqual([1_000, 2_000, 4_000]);
    expect(Math.max(...pauses)).toBe(60_000);
    deliver(build);
    readOk();
    computed(indexed);
    stored();
    expect(state.failures).toBe(0);
  });

  it("is given up at the sixth delivery, before it can kill this worker too", () => {
    expect(kinds(deliver(build, 5))).toEqual(["timer", "readObject"]);
    readOk();
    computed(indexed);
    stored();
    expect(deliver(build, 6)).toMatchObject([
      { kind: "report", level: "error" },
      { kind: "acknowledge" },
      { kind: "take" },
    ]);
  });

  it("is written again and again while the store is away, and left in the end", () => {
    deliver(build);
    readOk();
    const [first] = computed(indexed);
    for (let turn = 1; turn < 5; turn++) {
      expect(kinds(notStored())).toEqual(["timer"]);
      const [again] = fire("write");
      expect({ ...again, id: "" }).toEqual({ ...first, id: "" });
    }
    expect(kinds(notStored())).toEqual(["report", "timer"]);
    expect(state.task).toBe(null);
  });
});

it("extends the delivery while it works, and no longer", () => {
  const [timer] = deliver(build);
  expect(timer).toMatchObject({ kind: "timer", afterMs: ackWaitMs / 3 });
  expect(fire("extend")).toMatchObject([
    { kind: "extend", delivery: "d1" },
    { kind: "timer", afterMs: ackWaitMs / 3 },
  ]);
  readOk();
  expect(kinds(fire("extend"))).toEqual(["extend", "timer"]);
  computed(indexed);
  stored();
  expect(fire("extend")).toEqual([]);
});

it("asks for nothing and finishes nothing once it is to stop", () => {
  deliver(build);
  expect(step({ kind: "Stopping" })).toEqual([]);
  expect(readOk()).toEqual([]);
  expect(fire("extend")).toEqual([]);
});

it("whatever comes, one task at a time is in hand and each is acknowledged once at most", () => {
  const actions = fc.constantFrom(
    ...["deliver", "deliverMerge", "ok", "missing", "corrupt", "away", "pause", "extend", "write"],
  );
  fc.assert(
    fc.property(fc.array(actions, { maxLength: 60 }), (script) => {
      state = indexWorker.initial({ host: "h", ackWaitMs });
      awaited = null;
      let credits = step({ kind: "Started", incarnation: "i" }).length;
      let delivered = 0;
      const acknowledged: string[] = [];
      for (const action of script) {
        const effects = perform(action, credits > 0, `d${delivered}`);
        if (action.startsWith("deliver") && credits > 0) {
          credits -= 1;
          delivered += 1;
        }
        for (const effect of effects) {
          if (effect.kind === "take") credits += effect.credits;
          if (effect.kind === "acknowledge") acknowledged.push(effect.delivery);
        }
        expect(credits).toBeLessThanOrEqual(1);
        if (credits === 1) expect(state.task).toBe(null);
      }
      expect(new Set(acknowledged).size).toBe(acknowledged.length);
    }),
  );
});

/** Answers whatever the worker waits for, in the way that `action` says. */
function perform(action: string, mayDeliver: boolean, delivery: string): readonly Effect[] {
  switch (action) {
    case "deliver":
      return mayDeliver ? deliver(build, 1, delivery) : [];
    case "deliverMerge":
      return mayDeliver ? deliver(compact, 1, delivery) : [];
    case "pause":
    case "extend":
    case "write":
      return fire(action);
    case "ok":
      return answer(() => indexedOrMerged());
    default:
      return answer(() => null, action === "away" ? "unavailable" : (action as "missing"));
  }
}

function answer(
  value: () => ComputeResult | null,
  reason: "missing" | "corrupt" | "unavailable" = "missing",
): readonly Effect[] {
  const waiting = awaited;
  if (waiting === null || state.inHand === null) return [];
  awaited = null;
  const isOk = value() !== null;
  if (waiting.kind === "readObject") return isOk ? readOk() : read(unreadable(reason));
  if (waiting.kind === "writeObject") return isOk ? stored() : notStored();
  return computed(value() ?? { ...unreadable(reason), kind: "unreadable" });
}

function indexedOrMerged(): ComputeResult {
  const isMerge = state.task?.message.kind === "CompactSegments";
  return isMerge ? { ...merged, bytes: new Uint8Array(6) } : indexed;
}
