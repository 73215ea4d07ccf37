// The leader's record: who may take it, who has lost it; a total table, and many rivals at once.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  encodeRecord,
  type LeaderRecord,
  leaderRecord,
  parseRecord,
} from "../../src/messages/records.js";
import {
  applyLeadership,
  createLeadership,
  decideLeadership,
  isActing,
  type LeaderPhase,
  type Leadership,
  leaderKey,
  loseLeadership,
  resign,
} from "../../src/placement/leadership.js";
import type { Effect, Now, Outcome } from "../../src/system/actor.js";

const ttlMs = 9_000;
const at = (monotonicMs: number): Now => ({ monotonicMs, wallMs: monotonicMs });

function record(renewal: number, epoch = 3): LeaderRecord {
  return { version: 1, holder: "other", incarnation: "other-1", epoch, renewal };
}

function entryOf(value: LeaderRecord | null, revision: number) {
  if (value === null) return null;
  return { key: leaderKey("coordinator"), value: encodeRecord(value), revision };
}

function step(leadership: Leadership, outcome: Outcome, now: Now): Effect[] {
  applyLeadership(leadership, outcome, now);
  return decideLeadership(leadership, now);
}

function started(): Leadership {
  const leadership = createLeadership({ role: "coordinator", host: "me", ttlMs });
  step(leadership, { kind: "Started", incarnation: "me-1" }, at(0));
  return leadership;
}

function read(leadership: Leadership, value: LeaderRecord | null, revision: number, now: Now) {
  const result = { ok: true as const, entry: entryOf(value, revision) };
  return step(leadership, { kind: "MetadataRead", id: leadership.inHand ?? "", result }, now);
}

function tick(leadership: Leadership, now: Now): Effect[] {
  return step(leadership, { kind: "TimerFired", id: leadership.timer ?? "" }, now);
}

type Written = Extract<Outcome, { kind: "MetadataWritten" }>["result"];

function written(leadership: Leadership, result: Written, now: Now): Effect[] {
  return step(leadership, { kind: "MetadataWritten", id: leadership.inHand ?? "", result }, now);
}

/** One in each phase, at the time 0, with its effect in hand if it has one. */
const make: Record<LeaderPhase, () => Leadership> = {
  starting: () => createLeadership({ role: "coordinator", host: "me", ttlMs }),
  standby: started,
  taking: () => {
    const leadership = started();
    read(leadership, null, 0, at(0));
    return leadership;
  },
  leading: () => {
    const leadership = make.taking();
    written(leadership, { ok: true, revision: 7 }, at(0));
    tick(leadership, at(0));
    return leadership;
  },
  lost: () => {
    const leadership = make.leading();
    loseLeadership(leadership, "test");
    return leadership;
  },
  ended: () => {
    const leadership = make.lost();
    decideLeadership(leadership, at(0));
    return leadership;
  },
};

const unavailable = { ok: false, reason: "unavailable", detail: "away" } as const;
type Event =
  | "timer"
  | "readFree"
  | "readHeld"
  | "readFailed"
  | "won"
  | "conflict"
  | "unknown"
  | "stop";

const happen: Record<Event, (leadership: Leadership) => Effect[]> = {
  timer: (leadership) => tick(leadership, at(10)),
  readFree: (leadership) => read(leadership, null, 0, at(10)),
  readHeld: (leadership) => read(leadership, record(4), 5, at(10)),
  readFailed: (leadership) =>
    step(
      leadership,
      { kind: "MetadataRead", id: leadership.inHand ?? "", result: unavailable },
      at(10),
    ),
  won: (leadership) => written(leadership, { ok: true, revision: 8 }, at(10)),
  conflict: (leadership) => written(leadership, { ok: false, reason: "conflict" }, at(10)),
  unknown: (leadership) => written(leadership, unavailable, at(10)),
  stop: (leadership) => {
    resign(leadership);
    return decideLeadership(leadership, at(10));
  },
};

/** The phase afterwards and the kinds of the effects; null: cannot happen in this phase. */
const table: Record<LeaderPhase, Record<Event, [LeaderPhase, string] | null>> = {
  starting: {
    timer: ["starting", ""],
    readFree: null,
    readHeld: null,
    readFailed: null,
    won: null,
    conflict: null,
    unknown: null,
    stop: ["starting", ""],
  },
  standby: {
    timer: ["standby", "timer"],
    readFree: ["taking", "writeMetadata"],
    readHeld: ["standby", ""],
    readFailed: ["standby", ""],
    won: null,
    conflict: null,
    unknown: null,
    stop: ["standby", ""],
  },
  taking: {
    timer: ["taking", "timer"],
    readFree: null,
    readHeld: null,
    readFailed: null,
    won: ["leading", "report"],
    conflict: ["standby", ""],
    unknown: ["taking", ""],
    stop: ["taking", ""],
  },
  leading: {
    timer: ["leading", "timer"],
    readFree: null,
    readHeld: null,
    readFailed: null,
    won: ["leading", ""],
    conflict: ["ended", "restart"],
    unknown: ["leading", ""],
    stop: ["leading", ""],
  },
  lost: {
    timer: ["ended", "restart"],
    readFree: null,
    readHeld: null,
    readFailed: null,
    won: ["ended", "restart"],
    conflict: ["ended", "restart"],
    unknown: ["ended", "restart"],
    stop: ["ended", ""],
  },
  ended: {
    timer: ["ended", ""],
    readFree: null,
    readHeld: null,
    readFailed: null,
    won: ["ended", ""],
    conflict: ["ended", ""],
    unknown: ["ended", ""],
    stop: ["ended", ""],
  },
};

describe("the table of phases and events", () => {
  for (const [phase, row] of Object.entries(table)) {
    for (const [event, expected] of Object.entries(row)) {
      if (expected === null) continue;
      it(`${phase}, ${event}`, () => {
        const leadership = make[phase as LeaderPhase]();
        const effects = happen[event as Event](leadership);
        expect([leadership.phase, effects.map(({ kind }) => kind).join(" ")]).toEqual(expected);
        expect(isActing(leadership, at(10))).toBe(
          leadership.phase === "leading" && event !== "stop",
        );
      });
    }
  }
});

describe("a standby", () => {
  it("takes over when the record stood still for a TTL of its own clock, with the next epoch", () => {
    const leadership = started();
    expect(read(leadership, record(4), 5, at(100))).toEqual([]);
    tick(leadership, at(5_000));
    expect(read(leadership, record(4), 5, at(100 + ttlMs - 1))).toEqual([]);
    tick(leadership, at(100 + ttlMs));
    const [write] = read(leadership, record(4), 5, at(100 + ttlMs));
    expect(write).toMatchObject({ kind: "writeMetadata", revision: 5 });
    const value = write?.kind === "writeMetadata" ? (write.value as Uint8Array) : new Uint8Array();
    const taken = { version: 1, holder: "me", incarnation: "me-1", epoch: 4, renewal: 0 };
    expect(JSON.parse(Buffer.from(value).toString())).toEqual(taken);
  });

  it("waits anew whenever the record moves", () => {
    const leadership = started();
    for (let turn = 0; turn < 10; turn++) {
      expect(read(leadership, record(turn), turn + 1, at(turn * 8_000))).toEqual([]);
      tick(leadership, at(turn * 8_000));
    }
    expect(leadership.phase).toBe("standby");
  });

  it("takes at once what was given up", () => {
    const leadership = started();
    expect(read(leadership, record(-1), 5, at(1))).toMatchObject([{ kind: "writeMetadata" }]);
  });

  it("leaves a record alone that it cannot read, and says so", () => {
    const leadership = started();
    const entry = { key: leaderKey("coordinator"), value: Buffer.from("{}"), revision: 5 };
    for (const now of [at(1), at(ttlMs + 2)]) {
      const id = leadership.inHand ?? "";
      step(leadership, { kind: "MetadataRead", id, result: { ok: true, entry } }, now);
      tick(leadership, now);
    }
    expect(leadership.phase).toBe("standby");
    expect(leadership.cause).toMatch(/cannot be read/);
  });
});

describe("a leader", () => {
  it("counts its lease from the sending of the renewal that succeeded, not from the answer", () => {
    const leadership = make.leading();
    written(leadership, { ok: true, revision: 8 }, at(5_000));
    expect(isActing(leadership, at(0.8 * ttlMs - 1))).toBe(true);
    expect(isActing(leadership, at(0.8 * ttlMs))).toBe(false);
    expect(tick(leadership, at(0.8 * ttlMs)).map(({ kind }) => kind)).toEqual(["restart"]);
  });

  it("sends a renewal of unknown outcome again, byte for byte, and counts from the first", () => {
    const leadership = make.leading();
    const bytes = leadership.attempt;
    written(leadership, unavailable, at(10));
    const effects = tick(leadership, at(3_000));
    const value = encodeRecord(bytes?.record);
    expect(effects.at(-1)).toMatchObject({ kind: "writeMetadata", value, revision: 7 });
    written(leadership, { ok: true, revision: 8 }, at(3_010));
    expect(isActing(leadership, at(0.8 * ttlMs))).toBe(false);
  });

  it("gives the record up when it is stopped, after what is under way", () => {
    const leadership = make.leading();
    expect(happen.stop(leadership)).toEqual([]);
    const [release] = written(leadership, { ok: true, revision: 8 }, at(20));
    const value =
      release?.kind === "writeMetadata" ? (release.value as Uint8Array) : new Uint8Array();
    expect(parseRecord(leaderRecord, value)).toMatchObject({ record: { renewal: -1, epoch: 1 } });
    const freed = { kind: "LeadershipFreed", role: "coordinator" };
    const farewell = written(leadership, { ok: true, revision: 9 }, at(30));
    expect(farewell).toMatchObject([{ kind: "publish", message: freed }]);
    expect(leadership.phase).toBe("ended");
    expect(decideLeadership(leadership, at(40))).toEqual([]);
  });
});

/** Each has watched the record for a TTL and tries to take it. */
function rivalsFor(seen: LeaderRecord, revision: number, round: number): Leadership[] {
  return Array.from({ length: 500 }, (_, index) => {
    const leadership = createLeadership({ role: "oracle", host: `h${index}`, ttlMs });
    step(leadership, { kind: "Started", incarnation: `${round}-${index}` }, at(0));
    read(leadership, seen, revision, at(0));
    tick(leadership, at(ttlMs));
    read(leadership, seen, revision, at(ttlMs));
    return leadership;
  });
}

it("500 rivals for each epoch: one wins, and no epoch is used twice", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), (orders) => {
      let stored = { record: record(0, 0), revision: 1 };
      for (const [round, order] of orders.entries()) {
        const rivals = rivalsFor(stored.record, stored.revision, round);
        for (let index = 0; index < rivals.length; index++) {
          const rival = rivals[(index + order) % rivals.length] as Leadership;
          const { record: wanted, revision } = rival.attempt ?? { record: null, revision: null };
          if (wanted !== null && revision === stored.revision) {
            stored = { record: wanted, revision: stored.revision + 1 };
            written(rival, { ok: true, revision: stored.revision }, at(ttlMs));
          } else written(rival, { ok: false, reason: "conflict" }, at(ttlMs));
        }
        const winners = rivals.filter((rival) => isActing(rival, at(ttlMs)));
        expect(winners.map((winner) => winner.epoch)).toEqual([round + 1]);
        expect(stored.record.epoch).toBe(round + 1);
      }
    }),
    { numRuns: 5 },
  );
});
