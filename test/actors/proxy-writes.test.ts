// The proxy's writes: one entry a shard, acknowledged by the log, counted once.
import { describe, expect, it } from "vitest";
import { parseToken } from "../../src/contract/session-token.js";
import { RowsDeleted } from "../../src/messages/wal.js";
import { decodeRowBatch } from "../../src/rows/row-batch-codec.js";
import { shardOfKey } from "../../src/rows/shards.js";
import type { LogEntry } from "../../src/system/actor.js";
import { every, one } from "./driven.js";
import {
  acknowledge,
  answer,
  appends,
  ask,
  errorCode,
  keysFound,
  proxyWith,
  queries,
} from "./proxy-world.js";
import { recordEntry, recordWith, schemaWith } from "./small-collection.js";

const keys = Array.from({ length: 12 }, (_, key) => key);
const rows = keys.map((id) => ({ id, vector: [id, 0] }));
const ofShard = (shard: number) => keys.filter((key) => shardOfKey(BigInt(key), 2) === shard);

function insert(body: object = {}, connection = 1) {
  const driven = proxyWith();
  const effects = ask(driven, "main.docs.insert", { rows, ...body }, connection);
  return { driven, effects, entries: appends(effects) };
}

describe("an insert", () => {
  it("is one entry a shard, of the rows whose keys belong there", () => {
    const { entries } = insert();
    expect(entries.map(({ channel }) => channel).sort()).toEqual(["c1-0", "c1-1"]);
    for (const { channel, message } of entries) {
      if (message.kind !== "RowsInserted") throw new Error(message.kind);
      const decoded = decodeRowBatch(message.rows);
      const ids = decoded.ok ? decoded.batch.columns.get("id")?.values : undefined;
      expect([...(ids as BigInt64Array)].map(Number)).toEqual(ofShard(Number(channel.at(-1))));
    }
  });

  it("is answered when every shard has acknowledged, with the positions of all", () => {
    const { driven, entries } = insert();
    const [first, second] = entries;
    if (!first || !second) throw new Error("two shards");
    expect(acknowledge(driven, first, 5)).toEqual([]);
    const reply = answer(acknowledge(driven, second, 9));
    expect(reply.count).toBe(12);
    expect(reply.ids).toEqual(keys.map(String));
    const read = parseToken(reply.session);
    const positions = new Map([
      [first.channel, 5],
      [second.channel, 9],
    ]);
    expect(read.ok && read.token).toEqual({ collectionId: "c1", positions, revision: 7 });
  });

  it("has the same message ids at each attempt and at each proxy, others for other rows", () => {
    const idsOf = (body: object) => insert(body).entries.map(({ messageId }) => messageId);
    const first = idsOf({ requestId: "a" });
    expect(idsOf({ requestId: "a" })).toEqual(first);
    expect(idsOf({ requestId: "b" })).not.toEqual(first);
    expect(idsOf({ requestId: "a", part: 1 })).not.toEqual(first);
    expect(idsOf({ requestId: "a", rows: rows.map((row) => ({ ...row, vector: [1, 1] })) }))
      .not //
      .toEqual(first);
  });

  it("bears the connection on which it came, so that it dies with that", () => {
    expect(insert({}, 3).entries.map(({ connection }) => connection)).toEqual([3, 3]);
  });

  it("is a 503 when the connection is lost before the acknowledgement, and answered once", () => {
    const { driven, entries } = insert();
    const [first, second] = entries;
    const lost = { kind: "AppendFailed", reason: "disconnected", detail: "lost" } as const;
    const effects = driven.tell({ ...lost, id: first?.id ?? "" });
    expect(errorCode(effects)).toBe("unavailable");
    expect(one(effects, "respond").reply).toMatchObject({
      error: { status: 503, retryable: true },
    });
    expect(driven.tell({ ...lost, id: second?.id ?? "" })).toEqual([]);
    expect(driven.state.requests.size).toBe(0);
    expect(driven.state.pending.size).toBe(0);
  });

  it("is 'full', not to be tried again, when the log is", () => {
    const { driven, entries } = insert();
    const id = entries[0]?.id ?? "";
    const effects = driven.tell({ kind: "AppendFailed", id, reason: "full", detail: "90%" });
    expect(one(effects, "respond").reply).toMatchObject({
      error: { code: "full", retryable: false },
    });
  });

  it("reads the collection again when its log is missing", () => {
    const { driven, entries } = insert();
    const id = entries[0]?.id ?? "";
    driven.tell({ kind: "AppendFailed", id, reason: "missing", detail: "no stream" });
    expect(every(ask(driven, "main.docs.count", {}), "readMetadata")).toHaveLength(1);
  });

  it("is refused before anything is written when a shard's part is too large", () => {
    const driven = proxyWith(recordEntry(), { entryBytesMax: 60 });
    const effects = ask(driven, "main.docs.insert", { rows });
    expect(errorCode(effects)).toBe("payload-too-large");
    expect(appends(effects)).toEqual([]);
  });

  it.each([
    ["no rows", []],
    ["a row that is none", [7]],
    ["a key twice", [rows[0], rows[0]]],
    ["a vector of another dimension", [{ id: 1, vector: [1] }]],
    ["a field that there is not", [{ id: 1, vector: [1, 2], other: 1 }]],
    ["a key out of range", [{ id: "99999999999999999999", vector: [1, 2] }]],
  ])("is refused as a whole for %s", (_name, bad) => {
    const effects = ask(proxyWith(), "main.docs.insert", { rows: bad });
    expect(one(effects, "respond").reply).toMatchObject({ ok: false, error: { status: 400 } });
    expect(appends(effects)).toEqual([]);
  });
});

describe("automatic ids", () => {
  const record = recordEntry(recordWith({ fields: [...schemaWith({ autoId: true }).fields] }));
  const body = { rows: [{ vector: [1, 1] }, { vector: [2, 2] }], requestId: "a" };

  function write(sequence: number, duplicate: boolean) {
    const driven = proxyWith(record);
    const [entry] = appends(ask(driven, "main.docs.insert", body));
    if (entry === undefined) throw new Error("one shard");
    return { entry, reply: answer(acknowledge(driven, entry, sequence, duplicate)) };
  }

  it("come from the log: a repeat at another proxy has the same ones", () => {
    const first = write(41, false);
    const second = write(41, true);
    expect(second.entry.channel).toBe(first.entry.channel);
    expect(second.entry.messageId).toBe(first.entry.messageId);
    expect(second.reply.ids).toEqual(first.reply.ids);
    expect(new Set(first.reply.ids).size).toBe(2);
  });

  it("lead a delete to the shard that made them", () => {
    const { entry, reply } = write(41, false);
    const deleted = appends(ask(proxyWith(record), "main.docs.delete", { ids: reply.ids }));
    expect(deleted.map(({ channel }) => channel)).toEqual([entry.channel]);
  });
});

describe("a delete by ids", () => {
  it("goes to the shards of its keys and counts what was named", () => {
    const driven = proxyWith();
    const entries = appends(ask(driven, "main.docs.delete", { ids: keys }));
    expect(entries).toHaveLength(2);
    for (const { channel, message } of entries) {
      if (message.kind !== "RowsDeleted") throw new Error(message.kind);
      expect(message.keys.map(Number)).toEqual(ofShard(Number(channel.at(-1))));
      expect(message.evaluatedAt).toBeNull();
    }
    const effects = entries.flatMap((entry, place) => acknowledge(driven, entry, 20 + place));
    expect(answer(effects).count).toBe(12);
  });

  it("is refused when its keys do not fit into an entry", () => {
    const driven = proxyWith(recordEntry(), { entryBytesMax: 30 });
    const effects = ask(driven, "main.docs.delete", { ids: keys.map((key) => key + 1e9) });
    expect(errorCode(effects)).toBe("payload-too-large");
    expect(appends(effects)).toEqual([]);
  });
});

describe("a delete by filter", () => {
  const body = { filter: "id >= 0", requestId: "a" };

  /** The entries that it appends once each shard has named the keys it found. */
  function deleteFound(found: readonly (readonly number[])[]) {
    const driven = proxyWith();
    const messages = queries(ask(driven, "main.docs.delete", body));
    expect(messages.map(({ view }) => view.maxAgeMs)).toEqual([0, 0]);
    const effects = messages.flatMap((message, shard) =>
      driven.tell(keysFound(message, found[shard] ?? [], 10 + shard)),
    );
    return { driven, entries: appends(effects) };
  }

  it("hides each shard's rows as they were where the filter was evaluated", () => {
    const { driven, entries } = deleteFound([[1, 2], [3]]);
    const messages = entries.map(({ message }) => message);
    expect(messages).toEqual([
      RowsDeleted.create({ channel: "c1-0", keys: [1n, 2n], evaluatedAt: 10 }),
      RowsDeleted.create({ channel: "c1-1", keys: [3n], evaluatedAt: 11 }),
    ]);
    const effects = entries.flatMap((entry, place) => acknowledge(driven, entry, 20 + place));
    expect(answer(effects).count).toBe(3);
  });

  it("writes to shards without a match too, under ids that do not hang on what was found", () => {
    const ids = (found: number[][]) => deleteFound(found).entries.map(({ messageId }) => messageId);
    expect(ids([[1, 2], [3]])).toEqual(ids([[], []]));
  });

  it("counts what its first attempt deleted, when it finds itself in the log", () => {
    const { driven, entries } = deleteFound([[], []]);
    const [first, second] = entries;
    if (!first || !second) throw new Error("two shards");
    const { id, sequence, channel } = one(acknowledge(driven, first, 7, true), "readEntry");
    expect({ sequence, channel }).toEqual({ sequence: 7, channel: "c1-0" });
    expect(acknowledge(driven, second, 30)).toEqual([]);
    const original = RowsDeleted.create({ channel, keys: [1n, 2n, 5n], evaluatedAt: 6 });
    const entry: LogEntry = {
      ...{ channel, sequence, appendedAtUs: 1, kind: "RowsDeleted", version: 1, stamp: 0n },
      ...{ request: "a", body: RowsDeleted.encode(original) },
    };
    expect(answer(driven.tell({ kind: "EntryRead", id, entry })).count).toBe(3);
  });

  it("is answered also when the entry of its first attempt is gone", () => {
    const { driven, entries } = deleteFound([[1], []]);
    const effects = entries.flatMap((entry) => acknowledge(driven, entry, 7, true));
    const replies = every(effects, "readEntry").flatMap(({ id }) =>
      driven.tell({ kind: "EntryRead", id, entry: null }),
    );
    expect(answer(replies)).toMatchObject({ count: 1 });
  });

  it("writes nothing when a shard cannot say what it holds", () => {
    const driven = proxyWith();
    const effects = ask(driven, "main.docs.delete", { ...body, timeoutMs: 200 });
    const [message] = queries(effects);
    if (message) driven.tell(keysFound(message, [1]));
    const late = driven.pass(250, "sweep");
    expect(errorCode(late)).toBe("deadline-exceeded");
    expect(appends(driven.effects)).toEqual([]);
  });
});

describe("stamps", () => {
  it("are the oracle's last answer and the proxy's own time since; without one the log's", () => {
    const driven = proxyWith();
    const effects = ask(driven, "main.docs.upsert", { rows: rows.slice(0, 1) });
    expect(one(effects, "append").stamp).toBe(0n);
    const asked = one(effects, "publish").message;
    if (asked.kind !== "AllocateTimestamp") throw new Error(asked.kind);
    const message = { kind: "TimestampReply", proxy: "p1", request: asked.request } as const;
    driven.tell({ kind: "Announced", message: { ...message, timestamp: 5n << 18n } });
    driven.monotonicMs += 400;
    const later = ask(driven, "main.docs.upsert", { rows: rows.slice(0, 1) });
    expect(one(later, "append").stamp).toBe(405n << 18n);
  });
});
