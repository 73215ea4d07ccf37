// Searches that a proxy sends together: each client gets its own answer, whatever befalls the lot.
import { describe, expect, it } from "vitest";
import { encodeToken } from "../../src/contract/session-token.js";
import type { QueryMessage } from "../../src/messages/query.js";
import { SearchChannelReply } from "../../src/messages/reply.js";
import type { Effect } from "../../src/system/actor.js";
import { every } from "./driven.js";
import { ask, type DrivenProxy, failed, hitsFound, proxyWith, queries } from "./proxy-world.js";
import { keyRows, recordEntry, recordWith } from "./small-collection.js";

const oneShard = recordEntry(recordWith({ channels: ["c1-0"] }));
const searchOf = (place: number) => ({ vector: [place, 0], limit: 2 });

const idOf = ({ request }: QueryMessage) => request;

function gatheringProxy(record = oneShard): DrivenProxy {
  return proxyWith(record, { gathersFrom: 1, requestsMax: 200 });
}

/** Answers by the id of the request, in their order. */
function answers(effects: readonly Effect[]): unknown[] {
  return every(effects, "respond").map(({ reply }) =>
    JSON.parse(Buffer.from(reply.body).toString("utf8")),
  );
}

/** The answer to a lot: to vector i the key `10 * x`, x being what stands in front in it. */
function eachFound(message: QueryMessage) {
  if (message.kind !== "SearchChannel") throw new Error("a search was expected");
  const { proxy, request, channel, attempt, vectors, count } = message;
  const values = new Float32Array(new Uint8Array(vectors).buffer);
  const keys = Array.from({ length: count }, (_, place) => 10 * (values[2 * place] as number));
  const reply = SearchChannelReply.create({
    ...{ proxy, request, channel, attempt, failure: null, sequence: 10 },
    readTimestamp: 1n << 18n,
    counts: keys.map(() => 1),
    distances: new Uint8Array(new Float64Array(keys.length).buffer),
    rows: keyRows(keys),
  });
  return { kind: "Announced", message: reply } as const;
}

function foundIds(effects: readonly Effect[]) {
  return answers(effects).map((body) => {
    const { results } = body as { results: { id: string }[][] };
    return results.map((hits) => hits.map(({ id }) => id));
  });
}

describe("searches that arrive together", () => {
  it("go out as few messages, and each client gets what it asked for", () => {
    const driven = gatheringProxy();
    const asked = [1, 2, 3, 4, 5, 6].flatMap((place) =>
      queries(ask(driven, "main.docs.search", searchOf(place))),
    );
    expect(asked).toEqual([]);
    const lots = queries(driven.pass(0, "gather"));
    expect(lots.map((lot) => lot.kind === "SearchChannel" && lot.count)).toEqual([3, 3]);
    const [first, second] = lots;
    if (!first || !second) throw new Error("two lots");
    expect(foundIds(driven.tell(eachFound(second)))).toEqual([[["40"]], [["50"]], [["60"]]]);
    expect(foundIds(driven.tell(eachFound(first)))).toEqual([[["10"]], [["20"]], [["30"]]]);
    expect(driven.tell(eachFound(first))).toEqual([]);
    expect([driven.state.requests.size, driven.state.lots.size]).toEqual([0, 0]);
  });

  it("wait for all shards, and for one timer", () => {
    const driven = gatheringProxy(recordEntry());
    const effects = [1, 2, 3, 4].flatMap((place) =>
      ask(driven, "main.docs.search", searchOf(place)),
    );
    expect(every(effects, "timer").filter(({ id }) => id === "gather")).toHaveLength(1);
    const lots = queries(driven.pass(0, "gather"));
    const [left, right] = lots.filter(({ request }) => request === lots[0]?.request);
    if (!left || !right) throw new Error("a lot for each shard");
    expect(driven.tell(eachFound(left))).toEqual([]);
    expect(foundIds(driven.tell(eachFound(right)))).toEqual([[["10", "10"]], [["20", "20"]]]);
  });

  it("go out as so many messages as there are to be replicas, of a bounded size", () => {
    const lotsOf = (count: number, replicas: number, asked = {}) => {
      const { settings } = recordWith();
      const record = recordWith({ channels: ["c1-0"], settings: { ...settings, replicas } });
      const driven = gatheringProxy(recordEntry(record));
      for (let place = 0; place < count; place += 1) {
        ask(driven, "main.docs.search", { ...searchOf(place), ...asked });
      }
      const lots = queries(driven.pass(0, "gather"));
      return lots.map((lot) => lot.kind === "SearchChannel" && lot.count);
    };
    expect(lotsOf(12, 4)).toEqual([3, 3, 3, 3]);
    expect(lotsOf(150, 1)).toEqual([64, 64, 22]);
    expect(lotsOf(1, 1)).toEqual([1]);
    expect(lotsOf(6, 1, { limit: 320 })).toEqual([3, 3]);
    expect(lotsOf(3, 1, { limit: 320, outputFields: ["vector"] })).toEqual([1, 1, 1]);
    expect(lotsOf(9, 1, { limit: 100, outputFields: ["vector"] })).toEqual([3, 3, 3]);
  });

  it("stay apart where they ask for other things, or for the past", () => {
    const driven = gatheringProxy();
    for (const more of [{}, { limit: 3 }, { filter: "id > 1" }, { consistency: "eventual" }]) {
      ask(driven, "main.docs.search", { ...searchOf(1), ...more });
    }
    expect(queries(driven.pass(0, "gather"))).toHaveLength(4);
    const past = queries(ask(driven, "main.docs.search", { ...searchOf(1), asOf: 1 }));
    const many = queries(
      ask(driven, "main.docs.search", {
        vectors: [
          [1, 0],
          [2, 0],
        ],
        limit: 1,
      }),
    );
    const exact = queries(ask(driven, "main.docs.search", { ...searchOf(1), exact: true }));
    expect([past.length, many.length, exact.length]).toEqual([1, 1, 1]);
  });

  it("wait for nobody's session that names positions nobody has heard of", () => {
    const driven = gatheringProxy();
    const session = encodeToken({
      collectionId: "c1",
      positions: new Map([["c1-0", 10]]),
      revision: 1,
    });
    const before = queries(ask(driven, "main.docs.search", { ...searchOf(1), session }));
    expect(before).toMatchObject([{ view: { sessionSequence: 10 } }]);
    for (const message of before) driven.tell(hitsFound(message, []));
    for (const place of [1, 2, 3, 4]) ask(driven, "main.docs.search", searchOf(place));
    for (const place of [1, 2, 3, 4]) {
      ask(driven, "main.docs.search", { ...searchOf(place), session });
    }
    const lots = queries(driven.pass(0, "gather"));
    expect(lots.map(({ view }) => view.sessionSequence)).toEqual([null, 10]);
  });

  it("of weaker levels wait for their own sessions alone", () => {
    const driven = gatheringProxy();
    const tokenAt = (sequence: number) =>
      encodeToken({ collectionId: "c1", positions: new Map([["c1-0", sequence]]), revision: 1 });
    const sessions = [null, 3, 5, 5];
    driven.state.reached.set("c1-0", 10);
    for (const sequence of sessions) {
      const session = sequence === null ? {} : { session: tokenAt(sequence) };
      ask(driven, "main.docs.search", { ...searchOf(1), consistency: "eventual", ...session });
    }
    const lots = queries(driven.pass(0, "gather"));
    expect(lots.map(({ view }) => view.sessionSequence)).toEqual([null, 3, 5]);
  });

  it("stay apart for a minute when their answers together were too large", () => {
    const driven = gatheringProxy();
    const askFive = () =>
      [1, 2, 3, 4, 5].flatMap((place) => queries(ask(driven, "main.docs.search", searchOf(place))));
    askFive();
    const [lot] = queries(driven.pass(0, "gather"));
    if (lot === undefined) throw new Error("a lot");
    const { message } = failed(lot, false, "payload-too-large");
    const tooLarge = { ...message, counts: [], distances: new Uint8Array(), rows: null };
    driven.tell({ kind: "Announced", message: SearchChannelReply.create(tooLarge) });
    expect(askFive()).toHaveLength(5);
    driven.monotonicMs += 60_001;
    expect(askFive()).toHaveLength(0);
  });

  it("are asked for one by one when what they were sent in fails", () => {
    const driven = gatheringProxy();
    for (const place of [1, 2, 3, 4, 5]) ask(driven, "main.docs.search", searchOf(place));
    const [lot] = queries(driven.pass(0, "gather"));
    if (lot === undefined) throw new Error("a lot");
    const { message } = failed(lot, false, "failed-twice");
    const reply = SearchChannelReply.create({
      ...{ ...message, counts: [], distances: new Uint8Array(), rows: null },
    });
    const alone = queries(driven.tell({ kind: "Announced", message: reply }));
    expect(alone.map((one) => one.kind === "SearchChannel" && one.count)).toEqual([1, 1, 1]);
    const [first, second] = alone;
    if (!first || !second) throw new Error("two searches");
    expect(foundIds(driven.tell(eachFound(second)))).toEqual([[["20"]]]);
    expect(foundIds(driven.tell(eachFound(first)))).toEqual([[["10"]]]);
  });

  it("go to another replica together, and are forgotten when nobody waits for them", () => {
    const driven = gatheringProxy();
    for (const place of [1, 2, 3, 4, 5]) {
      ask(driven, "main.docs.search", { ...searchOf(place), timeoutMs: 1_000 });
    }
    const lots = queries(driven.pass(0, "gather"));
    const hedges = queries(driven.pass(310, "sweep"));
    expect(new Set(hedges.map(idOf))).toEqual(new Set(lots.map(idOf)));
    expect(hedges.every(({ attempt }) => attempt === 1)).toBe(true);
    const late = driven.pass(1_000, "sweep");
    expect(answers(late)).toHaveLength(5);
    expect([driven.state.requests.size, driven.state.lots.size]).toEqual([0, 0]);
  });

  it("are asked for again on a new connection", () => {
    const driven = gatheringProxy();
    for (const place of [1, 2, 3, 4, 5]) ask(driven, "main.docs.search", searchOf(place));
    const lots = queries(driven.pass(0, "gather"));
    expect(queries(driven.tell({ kind: "Reconnected", connection: 2 }))).toHaveLength(lots.length);
  });
});

describe("few requests in flight", () => {
  it("do not wait for each other", () => {
    const driven = proxyWith(oneShard, { gathersFrom: 4, requestsMax: 100 });
    const sent = [1, 2, 3, 4].map(
      (place) => queries(ask(driven, "main.docs.search", searchOf(place))).length,
    );
    expect(sent).toEqual([1, 1, 1, 0]);
    expect(queries(driven.pass(0, "gather"))).toHaveLength(1);
  });
});
