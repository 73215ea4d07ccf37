// The TypeScript client over a real NATS, against a peer that speaks the contract.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { connectElanus, type ElanusClient } from "../../src/client/connect.js";
import { ElanusError } from "../../src/client/elanus-error.js";
import { clientError } from "../../src/contract/errors.js";
import { parseToken } from "../../src/contract/session-token.js";
import { type NatsServer, startNatsServer } from "../contract/nats-server.js";
import { type Answer, type Peer, sessionAt, startPeer } from "./contract-peer.js";

interface Row {
  id: bigint;
  title?: string | null;
  v: Float32Array;
}

let server: NatsServer;
let peer: Peer;
let client: ElanusClient;

beforeAll(async () => {
  server = await startNatsServer();
});
afterAll(() => server.stop());
beforeEach(async () => {
  peer = await startPeer(server.url);
  client = await connectElanus({ url: server.url, database: "db" });
});
afterEach(async () => {
  await client.close();
  await peer.close();
});

const docs = () => client.collection<Row>("docs");
const row = (id: bigint): Row => ({
  id,
  title: `row ${id}`,
  v: Float32Array.of(Number(id), 0.5, -1, 2),
});
const rowsUpTo = (count: number) => Array.from({ length: count }, (_, index) => row(BigInt(index)));
const refuse = (error: ReturnType<typeof clientError>): Answer => ({ kind: "refuse", error });

const decimal = (_: string, value: unknown) => (typeof value === "bigint" ? `${value}` : value);

/** The first `times` calls get this answer, the others a good one. */
function first(times: number, answer: Answer): () => Answer | undefined {
  let left = times;
  return () => {
    left -= 1;
    return left >= 0 ? answer : undefined;
  };
}

async function failureOf(call: Promise<unknown>): Promise<ElanusError> {
  const error: unknown = await call.then(
    () => new Error("it succeeded"),
    (reason: unknown) => reason,
  );
  if (error instanceof ElanusError) return error;
  throw error;
}

describe("rows", () => {
  it("come back as they were sent: Int64 exactly, vectors as Float32Array", async () => {
    const ids = [2n ** 53n + 1n, 2n ** 53n - 1n, -(2n ** 63n), 2n ** 63n - 1n];
    const inserted = await docs().insert(ids.map((id) => ({ ...row(0n), id })));
    expect(inserted).toMatchObject({ count: 4, ids });
    const { rows, readTimestamp } = await docs().query({ limit: 10, outputFields: ["*"] });
    expect(rows.map(({ id }) => id)).toEqual(ids);
    expect(rows[0]?.v).toEqual(Float32Array.of(0, 0.5, -1, 2));
    expect(readTimestamp).toMatch(/Z$/);
  });

  it("are found by a vector in any form", async () => {
    await docs().insert([row(7n)]);
    for (const vector of [[1, 2, 3, 4], Float32Array.of(1, 2, 3, 4), "AACAPwAAAEAAAEBAAACAQA=="]) {
      const request = { vector, limit: 5, outputFields: ["v"], ef: 64 };
      const { results } = await docs().search(request);
      expect(results).toEqual([
        [{ id: 7n, score: 1, fields: { id: 7n, v: Float32Array.of(7, 0.5, -1, 2) } }],
      ]);
    }
    const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    for (const call of peer.calls) {
      if (call.operation !== "search") continue;
      expect(call).toMatchObject({ ef: 64, exact: false, limit: 5 });
      const [vector] = call.vectors;
      // Which kind of view the decoder makes depends on whether its native part is installed.
      if (vector instanceof Uint8Array) expect(new Uint8Array(vector)).toEqual(bytes);
      else expect(typeof vector).toBe("string");
    }
  });

  it("that are too many for a message go as parts of one request, in order", async () => {
    const title = "x".repeat(200);
    const rows = rowsUpTo(20_000).map((given) => ({ ...given, title }));
    const { count, ids, session } = await docs().insert(rows, { requestId: "load-1" });
    expect(count).toBe(20_000);
    expect(ids).toEqual(rows.map(({ id }) => id));
    const inserts = peer.calls.flatMap((call) => (call.operation === "insert" ? call : []));
    expect(inserts.length).toBeGreaterThan(4);
    expect(inserts.map(({ part }) => part)).toEqual(inserts.map((_, index) => index));
    expect(new Set(inserts.map(({ requestId }) => requestId))).toEqual(new Set(["load-1"]));
    expect(inserts.flatMap((call) => call.rows).length).toBe(20_000);
    expect(session).toBe(sessionAt(inserts.length));
  });

  it("of which one alone is too large are refused before they are sent", async () => {
    const large = { ...row(1n), title: "x".repeat(9_000_000) };
    const error = await failureOf(docs().insert([large]));
    expect(error).toMatchObject({ code: "payload-too-large", status: 413, retryable: false });
    expect(peer.calls).toEqual([]);
  });

  it("are deleted by many ids in parts, too", async () => {
    const ids = Array.from({ length: 40_000 }, (_, index) => BigInt(index));
    expect(await docs().delete({ ids })).toMatchObject({ count: 40_000 });
    expect(peer.calls.map((call) => call.operation)).toEqual(["delete", "delete", "delete"]);
  });

  it("that hold more than 64 bits are a typed error", async () => {
    const error = await failureOf(docs().insert([{ ...row(1n), id: 2n ** 64n }]));
    expect(error).toMatchObject({ code: "value-out-of-range", status: 400 });
  });
});

describe("an error", () => {
  it("of the server has all that it says, and is not tried again", async () => {
    const error = await failureOf(docs().insert([{ ...row(1n), v: Float32Array.of(1) }]));
    expect(error).toMatchObject({
      name: "ElanusError",
      code: "dimension-mismatch",
      status: 400,
      retryable: false,
      requestId: "from-the-peer",
      rowsWritten: 0,
    });
    expect(error.message).toMatch(/^dimension-mismatch: rows\[0\], field 'v' has 1 dimensions/);
    expect(peer.calls.length).toBe(1);
  });

  it("of a later part says what the earlier ones wrote", async () => {
    const rows = rowsUpTo(20_000).map((given) => ({ ...given, title: "x".repeat(100) }));
    const full = clientError("full", "the log is full", "more shards");
    peer.answerWith((call) => ("part" in call && call.part === 1 ? refuse(full) : undefined));
    const error = await failureOf(docs().insert(rows));
    const [firstPart] = peer.calls;
    if (firstPart?.operation !== "insert") throw new Error("no insert");
    expect(error).toMatchObject({ code: "full", status: 507, hint: "more shards" });
    expect(error.rowsWritten).toBe(firstPart.rows.length);
    expect(error.message).toBe("full: the log is full (more shards)");
  });

  it("that may pass is tried again with the same request id", async () => {
    const unavailable = refuse(clientError("unavailable", "no leader"));
    peer.answerWith(first(2, unavailable));
    expect(await docs().insert([row(1n)])).toMatchObject({ count: 1 });
    expect(peer.calls.length).toBe(3);
    expect(new Set(peer.calls.map((call) => call.requestId)).size).toBe(1);
    peer.answerWith(first(1, refuse(clientError("overloaded", "slow down"))));
    expect(await docs().count()).toMatchObject({ count: 1 });
  });

  it("that does not pass ends the call at its deadline", async () => {
    peer.answerWith(() => refuse(clientError("unavailable", "no leader")));
    const error = await failureOf(docs().count({ timeoutMs: 300 }));
    expect(error).toMatchObject({ code: "unavailable", retryable: true });
    expect(peer.calls.length).toBeGreaterThan(1);
  });

  it("of an attempt that may have written is not hidden by those that have not", async () => {
    const overloaded = refuse(clientError("overloaded", "nothing was written"));
    const lost = refuse(clientError("unavailable", "no acknowledgement"));
    peer.answerWith(() => (peer.calls.length === 1 ? lost : overloaded));
    const later = await failureOf(docs().insert([row(1n)], { timeoutMs: 300 }));
    expect(later).toMatchObject({ code: "unavailable", status: 503 });
    const before = peer.calls.length;
    const silence = { kind: "silence" } as const;
    peer.answerWith(() => (peer.calls.length === before + 1 ? overloaded : silence));
    const earlier = await failureOf(docs().insert([row(1n)], { timeoutMs: 300 }));
    expect(earlier).toMatchObject({ code: "deadline-exceeded", status: 503 });
  });

  it("is a missed deadline when nobody answers", async () => {
    peer.answerWith(() => ({ kind: "silence" }));
    const error = await failureOf(docs().count({ timeoutMs: 200 }));
    expect(error).toMatchObject({ code: "deadline-exceeded", status: 503, retryable: true });
    const [call] = peer.calls;
    expect(call?.timeoutMs).toBeLessThan(200);
  });

  it("says so when nobody listens", async () => {
    await peer.close();
    // The server may take a moment to see that the peer is gone.
    const failed = async () => (await failureOf(docs().count({ timeoutMs: 100 }))).message;
    await expect.poll(failed).toMatch(/^unavailable: nobody listens.*'proxy'/);
    peer = await startPeer(server.url);
  });

  it("keeps names that would address another subject at home", async () => {
    expect(() => client.collection("docs.insert")).toThrow(ElanusError);
    expect(() => client.collection("*")).toThrow(/invalid-name/);
    await expect(connectElanus({ url: server.url, database: ">" })).rejects.toThrow(ElanusError);
  });
});

describe("a call", () => {
  it("ends when its signal is aborted, before or while it waits", async () => {
    peer.answerWith(() => ({ kind: "silence" }));
    const controller = new AbortController();
    const waiting = docs().count({ signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(docs().count({ signal: controller.signal })).rejects.toThrow("enough");
  });

  it("that nobody answers is sent again, long before its attempt is over", async () => {
    const startedAt = performance.now();
    peer.answerWith(first(1, { kind: "silence" }));
    expect(await docs().count()).toMatchObject({ count: 0 });
    peer.answerWith(first(2, { kind: "silence" }));
    expect(await docs().insert([row(1n)])).toMatchObject({ count: 1 });
    expect(performance.now() - startedAt).toBeLessThan(9_000);
    const inserts = peer.calls.filter(({ operation }) => operation === "insert");
    expect(new Set(inserts.map((call) => JSON.stringify(call, decimal))).size).toBe(1);
    expect(peer.calls).toHaveLength(2 + 3);
  });

  it("that takes as long as it takes is sent once", async () => {
    peer.answerWith(() => ({ kind: "silence" }));
    const error = await failureOf(docs().flush({ timeoutMs: 1_500 }));
    expect(error.code).toBe("deadline-exceeded");
    expect(peer.calls).toHaveLength(1);
  });

  it("outlives a restart of the server", async () => {
    await server.kill();
    const counting = docs().count({ timeoutMs: 20_000 });
    await server.restart();
    expect(await counting).toMatchObject({ count: 0 });
  });
});

describe("the session", () => {
  const sessionsOf = (calls: Peer["calls"]) =>
    calls.map((call) => ("session" in call ? call.session : null));
  const read = (text: string) => {
    const parsed = parseToken(text);
    return parsed.ok ? parsed.token : undefined;
  };

  it("is remembered and handed on, for each collection", async () => {
    await docs().count();
    await docs().insert([row(1n)]);
    await docs().count();
    await client.collection("others").count();
    const [before, , after, other] = sessionsOf(peer.calls);
    expect(before).toBeNull();
    expect(after).toEqual(read(sessionAt(1)));
    expect(other).toBeNull();
  });

  it("never goes back, whatever order replies come in", async () => {
    const positions = [9, 3];
    peer.answerWith(() => {
      const session = sessionAt(positions.shift() ?? 0, "c1", `c1-${positions.length}`);
      return { kind: "reply", value: { count: 0, session, readTimestamp: "" } };
    });
    await docs().count();
    await docs().count();
    await docs().count();
    const last = sessionsOf(peer.calls)[2];
    expect(last?.positions).toEqual(
      new Map([
        ["c1-0", 3],
        ["c1-1", 9],
      ]),
    );
  });

  it("may be named, or left out for a read of the past", async () => {
    await docs().insert([row(1n)]);
    await docs().count({ session: sessionAt(77) });
    await docs().count({ asOf: sessionAt(1) });
    const [, named, past] = sessionsOf(peer.calls);
    expect(named).toEqual(read(sessionAt(77)));
    expect(past).toBeNull();
  });

  it("of a collection that was made anew is forgotten", async () => {
    await docs().insert([row(1n)]);
    const stale = clientError("invalid-session", "of another collection");
    peer.answerWith((call) => ("session" in call && call.session ? refuse(stale) : undefined));
    expect(await docs().count()).toMatchObject({ count: 1 });
    expect(await failureOf(docs().count({ session: sessionAt(1) }))).toMatchObject({
      code: "invalid-session",
    });
  });

  it("is not remembered when that is not wanted", async () => {
    const forgetful = await connectElanus({ url: server.url, rememberSession: false });
    await forgetful.collection("docs").count();
    await forgetful.collection("docs").count();
    await forgetful.close();
    expect(sessionsOf(peer.calls)).toEqual([null, null]);
    expect(peer.calls[0]).toMatchObject({ database: "default" });
  });
});

describe("collections and the cluster", () => {
  it("are asked by the operations of the contract", async () => {
    const reference = { name: "docs", collectionId: "c1" };
    peer.answerWith((call) => {
      const { operation } = call;
      const values: Record<string, unknown> = {
        "create-collection": { collection: reference },
        "list-collections": { collections: [{ ...reference, shards: 1 }] },
        "describe-collection": { ...reference, rowCount: 5 },
        "drop-collection": { collection: reference },
        "alter-collection": { collection: reference },
        flush: { flushed: true },
        health: { status: "ok", causes: [] },
        cluster: { status: "ok", causes: [], hosts: [] },
      };
      return { kind: "reply", value: values[operation] };
    });
    const fields = [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "v", type: "FloatVector", dimension: 4 },
    ] as const;
    expect(await client.createCollection({ name: "docs", fields, shards: 2 })).toEqual(reference);
    expect(await client.listCollections()).toEqual([{ ...reference, shards: 1 }]);
    expect(await client.describeCollection("docs")).toMatchObject({ rowCount: 5 });
    expect(await docs().describe()).toMatchObject({ rowCount: 5 });
    await client.alterCollection("docs", { asOfWindow: "5m", thresholds: { sealRows: 9 } });
    await docs().flush({ timeoutMs: 60_000 });
    await client.dropCollection("docs");
    expect(await client.health()).toEqual({ status: "ok", causes: [] });
    expect(await client.cluster()).toMatchObject({ hosts: [] });
    expect(peer.calls.map((call) => call.operation)).toEqual([
      "create-collection",
      "list-collections",
      "describe-collection",
      "describe-collection",
      "alter-collection",
      "flush",
      "drop-collection",
      "health",
      "cluster",
    ]);
    expect(peer.calls[0]).toMatchObject({
      definition: { shards: 2, fields: [{}, { metric: "COSINE" }] },
    });
    expect(peer.calls[4]).toMatchObject({ change: { asOfWindowMs: 300_000 } });
    // Its proxy may die: there must be time for another attempt.
    expect(peer.calls[5]?.timeoutMs).toBeGreaterThan(10_000);
    expect(peer.calls[5]?.timeoutMs).toBeLessThan(20_000);
  });
});
