// The proxy's reads, commands and overviews: complete answers or typed errors, always one.
import { describe, expect, it } from "vitest";
import { encodeToken, parseToken } from "../../src/contract/session-token.js";
import { CollectionReply, FlushReply, SearchChannelReply } from "../../src/messages/reply.js";
import type { Effect } from "../../src/system/actor.js";
import { every, one, published } from "./driven.js";
import {
  answer,
  ask,
  type DrivenProxy,
  errorCode,
  failed,
  hitsFound,
  keysFound,
  proxyWith,
  queries,
  recordRead,
  startedProxy,
} from "./proxy-world.js";
import { recordEntry, recordWith } from "./small-collection.js";

const search = { vector: [1, 0], limit: 2 };

function token(
  positions: readonly (readonly [string, number])[],
  collectionId = "c1",
  revision = 1,
) {
  return encodeToken({ collectionId, positions: new Map(positions), revision });
}

describe("a search", () => {
  it("merges the nearest rows of all shards, and names the positions it saw", () => {
    const driven = proxyWith();
    const [first, second] = queries(ask(driven, "main.docs.search", search));
    if (!first || !second) throw new Error("two shards");
    expect(
      driven.tell(
        hitsFound(second, [
          [3, 4],
          [4, 9],
        ]),
      ),
    ).toEqual([]);
    const reply = answer(
      driven.tell(
        hitsFound(first, [
          [1, 1],
          [2, 16],
        ]),
      ),
    );
    expect(reply.results).toEqual([
      [
        { id: "1", score: 1 },
        { id: "3", score: 4 },
      ],
    ]);
    const read = parseToken(reply.session);
    expect(read.ok && [...read.token.positions]).toEqual([
      ["c1-0", 10],
      ["c1-1", 10],
    ]);
    expect(driven.state.requests.size).toBe(0);
  });

  it("goes to another replica after 300 and 550 ms, and takes whichever answers first", () => {
    const driven = proxyWith();
    const [first, second] = queries(ask(driven, "main.docs.search", search));
    if (!first || !second) throw new Error("two shards");
    driven.tell(hitsFound(second, []));
    expect(queries(driven.pass(250, "sweep"))).toEqual([]);
    const [hedge, ...others] = queries(driven.pass(60, "sweep"));
    expect(others).toEqual([]);
    expect(hedge).toMatchObject({ channel: "c1-0", attempt: 1, request: first.request });
    expect(queries(driven.pass(100, "sweep"))).toEqual([]);
    expect(queries(driven.pass(150, "sweep"))).toMatchObject([{ attempt: 2 }]);
    if (hedge === undefined) throw new Error("a hedge");
    expect(answer(driven.tell(hitsFound(hedge, [[7, 0]]))).results[0]).toHaveLength(1);
    expect(driven.tell(hitsFound(first, [[8, 0]]))).toEqual([]);
  });

  it("asks again for as long as the client waits: a broker may have forgotten it", () => {
    const driven = proxyWith();
    ask(driven, "main.docs.search", { ...search, timeoutMs: 9_000 });
    let sent = 0;
    for (let passed = 0; passed < 8_900; passed += 50)
      sent += queries(driven.pass(50, "sweep")).length;
    expect(sent).toBeGreaterThanOrEqual(2 * 5);
    expect(sent).toBeLessThanOrEqual(2 * 7);
  });

  it("goes to few other replicas while none answers, and to more as they do again", () => {
    const driven = proxyWith(recordEntry(), { requestsMax: 100 });
    const firsts = Array.from({ length: 40 }, () =>
      queries(ask(driven, "main.docs.search", search)),
    );
    const copies = () => queries(driven.pass(600, "sweep")).filter(({ attempt }) => attempt > 0);
    expect([copies().length, copies().length]).toEqual([50, 0]);
    for (const message of firsts.flat()) driven.tell(hitsFound(message, []));
    ask(driven, "main.docs.search", search);
    expect(copies()).toHaveLength(2);
  });

  it("is resent under the id that it had, so that a queue which has it takes no second one", () => {
    const driven = proxyWith(recordEntry(), { requestsMax: 100 });
    for (let count = 0; count < 40; count += 1) ask(driven, "main.docs.search", search);
    const idsOf = (effects: readonly Effect[]) =>
      every(effects, "publish").map(({ messageId }) => messageId);
    const copies = idsOf(driven.pass(600, "sweep"));
    expect(new Set(copies).size).toBe(50);
    const resent = idsOf(driven.pass(2_100, "sweep"));
    expect(new Set(resent).size).toBe(80);
    expect(copies.every((id) => resent.includes(id))).toBe(true);
  });

  it("is asked anew when its proxy has a new connection: the answer may have gone with the old", () => {
    const driven = proxyWith();
    const [first] = queries(ask(driven, "main.docs.search", search));
    if (first) driven.tell(hitsFound(first, []));
    const anew = queries(driven.tell({ kind: "Reconnected", connection: 2 }));
    expect(anew).toMatchObject([{ channel: "c1-1", attempt: 1 }]);
  });

  it("ends with a typed error at its deadline, and late answers change nothing", () => {
    const driven = proxyWith();
    const [first] = queries(ask(driven, "main.docs.search", { ...search, timeoutMs: 100 }));
    expect(errorCode(driven.pass(120, "sweep"))).toBe("deadline-exceeded");
    if (first) expect(driven.tell(hitsFound(first, [[1, 1]]))).toEqual([]);
    expect(driven.state.requests.size).toBe(0);
  });

  it("is never answered in part: a shard that fails for good fails it", () => {
    const driven = proxyWith();
    const [first, second] = queries(ask(driven, "main.docs.search", search));
    if (!first || !second) throw new Error("two shards");
    driven.tell(hitsFound(first, [[1, 1]]));
    expect(errorCode(driven.tell(failed(second, false, "as-of-too-old")))).toBe("as-of-too-old");
  });

  it("asks again after a failure that may pass, not at once, and not for ever", () => {
    const driven = proxyWith();
    const [first, second] = queries(ask(driven, "main.docs.search", search));
    if (!first || !second) throw new Error("two shards");
    driven.tell(hitsFound(first, []));
    expect(driven.tell(failed(second, true))).toEqual([]);
    let [sent, code] = [0, ""];
    for (let passed = 0; code === "" && passed < 5_000; passed += 50) {
      for (const message of queries(driven.pass(50, "sweep"))) {
        sent += 1;
        const effects = driven.tell(failed(message, true));
        if (effects.length > 0) code = errorCode(effects);
      }
    }
    expect([sent, code]).toEqual([5, "unavailable"]);
  });

  it("ends with an error when an answer cannot be read, and the proxy goes on", () => {
    const driven = proxyWith();
    const [first, second] = queries(ask(driven, "main.docs.search", search));
    if (!first || !second) throw new Error("two shards");
    const good = hitsFound(first, [[1, 1]]).message;
    const message = SearchChannelReply.create({ ...good, rows: Uint8Array.of(99, 1, 2) });
    driven.tell({ kind: "Announced", message });
    expect(errorCode(driven.tell(hitsFound(second, [])))).toBe("internal");
  });

  it.each([
    ["a filter that does not parse", { ...search, filter: "id ==" }, "invalid-filter"],
    ["a vector of another dimension", { vector: [1], limit: 2 }, "dimension-mismatch"],
    ["a field that is no vector", { ...search, field: "id" }, "unknown-field"],
    ["an output field that there is not", { ...search, outputFields: ["x"] }, "unknown-field"],
    ["no limit", { vector: [1, 0] }, "invalid-request"],
    ["a token of another collection", { ...search, session: token([], "c9") }, "invalid-session"],
    ["a snapshot without a shard", { ...search, asOf: token([["c1-0", 1]]) }, "invalid-session"],
  ])("is refused at once for %s", (_name, body, code) => {
    const driven = proxyWith();
    const effects = ask(driven, "main.docs.search", body);
    expect(errorCode(effects)).toBe(code);
    expect(queries(effects)).toEqual([]);
    expect(driven.state.requests.size).toBe(0);
  });
});

describe("the view of a read", () => {
  const viewsOf = (body: object, record = recordEntry()) =>
    queries(ask(proxyWith(record), "main.docs.count", body)).map(({ view }) => view);
  const settings = { ...recordWith().settings, consistency: "eventual" } as const;

  it("is strong unless the request or the collection say otherwise", () => {
    expect(viewsOf({})[0]?.maxAgeMs).toBe(0);
    expect(viewsOf({ consistency: "bounded" })[0]?.maxAgeMs).toBe(5_000);
    expect(viewsOf({ maxAgeMs: 70 })[0]?.maxAgeMs).toBe(70);
    expect(viewsOf({}, recordEntry(recordWith({ settings })))[0]?.maxAgeMs).toBeNull();
  });

  it("waits for the positions of a session at any level, each shard for its own", () => {
    const session = token([["c1-1", 12]]);
    const views = viewsOf({ consistency: "eventual", session });
    expect(views.map(({ sessionSequence }) => sessionSequence)).toEqual([null, 12]);
  });

  it("is that of a time or of a token when it names one", () => {
    const [atTime] = viewsOf({ asOf: 1_000 });
    expect(atTime).toMatchObject({ maxAgeMs: null, asOfTimestamp: (1_001n << 18n) - 1n });
    const views = viewsOf({
      asOf: token([
        ["c1-0", 3],
        ["c1-1", 4],
      ]),
    });
    expect(views.map(({ asOfSequence }) => asOfSequence)).toEqual([3, 4]);
  });
});

describe("a query", () => {
  it("sorts the rows of all shards by key, and skips the offset once", () => {
    const driven = proxyWith();
    const body = { filter: "id > 0", limit: 2, offset: 1, outputFields: ["id"] };
    const [first, second] = queries(ask(driven, "main.docs.query", body));
    if (!first || !second) throw new Error("two shards");
    expect([first, second]).toMatchObject([{ limit: 3 }, { limit: 3 }]);
    driven.tell(keysFound(first, [2, 5]));
    const reply = answer(driven.tell(keysFound(second, [1, 3])));
    expect(reply.rows).toEqual([{ id: "2" }, { id: "3" }]);
  });
});

describe("a collection", () => {
  it("is read once for all who wait for it, and then remembered", () => {
    const driven = startedProxy();
    const read = recordRead(ask(driven, "main.docs.count", {}), recordEntry());
    expect(ask(driven, "main.docs.count", {})).toEqual([]);
    expect(queries(driven.tell(read))).toHaveLength(4);
    expect(queries(ask(driven, "main.docs.count", {}))).toHaveLength(2);
  });

  it("is not found: 404, for all who wait for it", () => {
    const driven = startedProxy();
    const read = recordRead(ask(driven, "main.docs.count", {}), null);
    expect(errorCode(driven.tell(read))).toBe("collection-not-found");
    expect(driven.state).toMatchObject({ requests: new Map(), awaited: new Map() });
  });

  it("is unknown while the metadata store is away: 503; a known one goes on being used", () => {
    const driven = startedProxy();
    const { id } = one(ask(driven, "main.docs.count", {}), "readMetadata");
    const result = { ok: false, reason: "unavailable", detail: "away" } as const;
    expect(errorCode(driven.tell({ kind: "MetadataRead", id, result }))).toBe("unavailable");
    const known = proxyWith();
    known.monotonicMs += 60_000;
    const effects = ask(known, "main.docs.count", {});
    const reread = one(effects, "readMetadata").id;
    expect(known.tell({ kind: "MetadataRead", id: reread, result })).toEqual([]);
    expect(queries(ask(known, "main.docs.count", {}))).toHaveLength(2);
  });

  it("with a record that nobody can read is an error of its own", () => {
    const driven = startedProxy();
    const damaged = { ...recordEntry(), value: Buffer.from("{") };
    expect(errorCode(driven.tell(recordRead(ask(driven, "main.docs.count", {}), damaged)))) //
      .toBe("internal");
  });

  it("is read anew when it was announced to have changed", () => {
    const driven = proxyWith();
    const metadataKey = "collections.main.docs";
    const message = { kind: "CollectionChanged", collectionId: "c1", metadataKey } as const;
    driven.tell({ kind: "Announced", message });
    const effects = ask(driven, "main.docs.count", {});
    expect([every(effects, "readMetadata").length, queries(effects).length]).toEqual([1, 0]);
  });

  it("is read anew for a session that knows a later one with its name", () => {
    const driven = proxyWith();
    const session = token([["c2-0", 4]], "c2", 9);
    const effects = ask(driven, "main.docs.count", { session });
    const record = recordWith({ collectionId: "c2", channels: ["c2-0"] });
    const [message] = queries(driven.tell(recordRead(effects, recordEntry(record, 8))));
    expect(message).toMatchObject({ channel: "c2-0", view: { sessionSequence: 4 } });
  });
});

describe("commands", () => {
  const create = {
    name: "docs",
    fields: [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "vector", type: "FloatVector", dimension: 2 },
    ],
  };

  function collectionReply(driven: DrivenProxy, failure: CollectionReplyFailure = null) {
    const request = [...driven.state.requests.keys()][0] ?? "";
    const message = CollectionReply.create({ proxy: "p1", request, failure, collectionId: "c1" });
    return driven.tell({ kind: "Announced", message });
  }
  type CollectionReplyFailure = Parameters<typeof CollectionReply.create>[0]["failure"];

  it("are sent again under the same id until they are answered or late", () => {
    const driven = startedProxy();
    const [first] = every(ask(driven, "main.create-collection", create), "publish");
    expect(every(driven.pass(900, "sweep"), "publish")).toEqual([]);
    const [second] = every(driven.pass(200, "sweep"), "publish");
    expect(second).toEqual(first);
    expect(answer(collectionReply(driven)).collection).toEqual({
      name: "docs",
      collectionId: "c1",
    });
    expect(every(driven.pass(2_000, "sweep"), "publish")).toEqual([]);
  });

  it("that the owner refuses end with its typed error", () => {
    const driven = startedProxy();
    ask(driven, "main.create-collection", create);
    const failure = { code: "collection-exists", message: "it is there", retryable: false };
    expect(errorCode(collectionReply(driven, failure))).toBe("collection-exists");
  });

  it("drop by id, read freshly: a remembered collection is not what a late drop hits", () => {
    const driven = proxyWith();
    const effects = ask(driven, "main.drop-collection", { name: "docs" });
    expect(published(effects)).toEqual([]);
    const record = recordWith({ collectionId: "c5" });
    const [message] = published(driven.tell(recordRead(effects, recordEntry(record, 9))));
    expect(message).toMatchObject({ kind: "DropCollection", collectionId: "c5" });
  });

  it("flush every shard, and answer when all have", () => {
    const driven = proxyWith();
    const messages = published(ask(driven, "main.docs.flush", {}));
    expect(messages.map(({ kind }) => kind)).toEqual(["FlushChannel", "FlushChannel"]);
    const replies = messages.map((message) => {
      if (message.kind !== "FlushChannel") throw new Error(message.kind);
      const { proxy, request, channel } = message;
      return FlushReply.create({ proxy, request, channel, failure: null, flushedThrough: 3 });
    });
    const [first, second] = replies;
    if (!first || !second) throw new Error("two shards");
    expect(driven.tell({ kind: "Announced", message: first })).toEqual([]);
    expect(driven.tell({ kind: "Announced", message: first })).toEqual([]);
    expect(answer(driven.tell({ kind: "Announced", message: second }))).toEqual({ flushed: true });
  });
});

describe("the proxy itself", () => {
  it("takes no more than it can hold, and says so", () => {
    const driven = proxyWith(recordEntry(), { requestsMax: 2 });
    ask(driven, "main.docs.count", {});
    ask(driven, "main.docs.count", {});
    expect(errorCode(ask(driven, "main.docs.count", {}))).toBe("overloaded");
  });

  it("finishes what it has when it stops, and refuses what comes", () => {
    const driven = proxyWith();
    const messages = queries(ask(driven, "main.docs.count", {}));
    driven.tell({ kind: "Stopping" });
    expect(errorCode(ask(driven, "main.docs.count", {}))).toBe("unavailable");
    const effects = messages.flatMap((message) => driven.tell(keysFound(message, [1])));
    expect(answer(effects).count).toBe(2);
  });

  it("has one timer, and none without requests", () => {
    const driven = proxyWith();
    const timers = (effects: Parameters<typeof every>[0]) => every(effects, "timer").length;
    driven.pass(50, "sweep");
    expect(timers(ask(driven, "main.docs.count", { timeoutMs: 80 }))).toBe(1);
    expect(timers(ask(driven, "main.docs.count", { timeoutMs: 80 }))).toBe(0);
    expect(timers(driven.pass(50, "sweep"))).toBe(1);
    expect(timers(driven.pass(50, "sweep"))).toBe(0);
  });

  it.each([
    ["no JSON", "main.docs.count", "not an object"],
    ["an operation that there is not", "main.docs.explode", {}],
    ["a name that is none", "main.9docs.count", {}],
  ])("refuses %s", (_name, subject, body) => {
    const driven = startedProxy();
    const effects = ask(driven, subject, body);
    expect(one(effects, "respond").reply.ok).toBe(false);
    expect(driven.state.requests.size).toBe(0);
  });

  it("answers for its health though a host's session cannot be read", () => {
    const driven = startedProxy();
    const { id } = one(ask(driven, "sys.health", {}), "listMetadata");
    const entries = [{ key: "sessions.h9", value: Buffer.from("{}"), revision: 1 }];
    const reply = answer(
      driven.tell({ kind: "MetadataListed", id, result: { ok: true, entries } }),
    );
    expect(reply.status).toBe("degraded");
    expect(reply.causes[0]).toContain("sessions.h9");
  });
});

describe("a description", () => {
  it("tells rows, segments and lag of every shard, also of one whose root cannot be read", () => {
    const driven = proxyWith();
    const effects = ask(driven, "main.describe-collection", { name: "docs" });
    const messages = queries(effects);
    const roots = every(effects, "readMetadata");
    const told = messages.flatMap((message) => driven.tell(keysFound(message, [1], 10)));
    const entries = roots.map(({ key }) => ({ key, value: Buffer.from("{"), revision: 1 }));
    roots.forEach(({ id }, place) => {
      const entry = entries[place] ?? null;
      told.push(...driven.tell({ kind: "MetadataRead", id, result: { ok: true, entry } }));
    });
    expect(told).toEqual([]);
    const { id } = one(effects, "listMetadata");
    const listed = driven.tell({ kind: "MetadataListed", id, result: { ok: true, entries: [] } });
    const reply = answer(listed);
    expect(reply).toMatchObject({ name: "docs", rowCount: 2, shards: 2 });
    expect(reply.channels).toMatchObject([
      { lag: 10, segments: 0 },
      { lag: 10, segments: 0 },
    ]);
    expect(driven.state.requests.size).toBe(0);
  });
});
