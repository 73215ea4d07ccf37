// Requests of the contract: what each becomes, and the typed error that each bad one gets.
import { describe, expect, it } from "vitest";
import type { Call } from "../../src/contract/calls.js";
import { maxAgeOf } from "../../src/contract/calls.js";
import { parseRequest } from "../../src/contract/requests.js";
import { encodeToken } from "../../src/contract/session-token.js";
import { newCollection } from "../../src/messages/records.js";
import type { ClientRequest } from "../../src/system/client-request.js";
import { rawRequest, requestOf } from "./request-of.js";

const fields = [
  { name: "id", type: "Int64", primaryKey: true },
  { name: "v", type: "FloatVector", dimension: 4 },
];
const token = { collectionId: "c1", positions: new Map([["c1-0", 7]]), revision: 3 };

function callOf(request: ClientRequest): Call {
  const read = parseRequest(request);
  if (!read.ok) throw new Error(`${read.error.code}: ${read.error.message}`);
  return read.call;
}

describe("create-collection", () => {
  it("writes out every default, so that the record says all", () => {
    const call = callOf(requestOf("db.create-collection", { name: "docs", fields }));
    expect(call).toMatchObject({
      operation: "create-collection",
      database: "db",
      collection: "docs",
      timeoutMs: 30_000,
      requestId: null,
      definition: {
        name: "docs",
        dynamicFields: false,
        shards: 1,
        replicas: null,
        consistency: "strong",
        asOfWindowMs: 600_000,
        thresholds: {
          sealRows: 65_536,
          sealBytes: 67_108_864,
          sealAgeMs: 600_000,
          indexRowsMin: 12_800,
          mergeBytes: 1_073_741_824,
        },
        fields: [
          { name: "id", type: "Int64", primaryKey: true, autoId: false, nullable: false },
          {
            name: "v",
            dimension: 4,
            metric: "COSINE",
            index: { M: 16, efConstruction: 200 },
          },
        ],
      },
    });
    const { definition } = call as Extract<Call, { operation: "create-collection" }>;
    expect(newCollection.parse(definition)).toEqual(definition);
  });

  it("takes the collection's metric and index for the vector fields that name none", () => {
    const own = { name: "w", type: "FloatVector", dimension: 2, metric: "IP", index: { M: 4 } };
    const body = { name: "docs", fields: [...fields, own], metric: "L2", index: { M: 32 } };
    expect(callOf(requestOf("db.create-collection", body))).toMatchObject({
      definition: {
        fields: [
          { name: "id" },
          { metric: "L2", index: { M: 32, efConstruction: 200 } },
          { metric: "IP", index: { M: 4, efConstruction: 200 } },
        ],
      },
    });
  });

  it("takes numbers that MessagePack carries in 64 bits", () => {
    const wide = [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "v", type: "FloatVector", dimension: 4n },
    ];
    const body = { name: "docs", fields: wide, shards: 2n, asOfWindow: "2h" };
    expect(callOf(requestOf("db.create-collection", body, "msgpack"))).toMatchObject({
      definition: { shards: 2, asOfWindowMs: 7_200_000, fields: [{}, { dimension: 4 }] },
    });
  });

  it.each([
    [500, 500],
    [0, 0],
    ["500ms", 500],
    ["3s", 3_000],
    ["1d", 86_400_000],
  ])("reads an asOfWindow of %s", (asOfWindow, asOfWindowMs) => {
    const request = requestOf("db.create-collection", { name: "docs", fields, asOfWindow });
    expect(callOf(request)).toMatchObject({ definition: { asOfWindowMs } });
  });
});

describe("other requests about collections", () => {
  it("are lists, descriptions by either subject, and drops", () => {
    expect(callOf(rawRequest("db.list-collections", ""))).toMatchObject({
      operation: "list-collections",
      database: "db",
    });
    const described = { operation: "describe-collection", database: "db", collection: "docs" };
    expect(callOf(requestOf("db.describe-collection", { name: "docs" }))).toMatchObject(described);
    expect(callOf(requestOf("db.docs.describe", {}))).toMatchObject(described);
    const dropped = requestOf("db.drop-collection", { name: "docs", requestId: "a-1" });
    expect(callOf(dropped)).toMatchObject({ operation: "drop-collection", requestId: "a-1" });
  });

  it("alter only what they name", () => {
    const body = { name: "docs", thresholds: { sealRows: 10 }, asOfWindow: "1m" };
    const call = callOf(requestOf("db.alter-collection", body));
    if (call.operation !== "alter-collection") throw new Error(call.operation);
    expect(call.change).toEqual({ asOfWindowMs: 60_000, thresholds: { sealRows: 10 } });
  });
});

describe("writes", () => {
  it("carry their rows unread", () => {
    const rows = [{ id: 1, v: [1, 2, 3, 4] }];
    const body = { rows, requestId: "req_1", part: 3, timeoutMs: 1_000 };
    expect(callOf(requestOf("db.docs.insert", body))).toEqual({
      operation: "insert",
      database: "db",
      collection: "docs",
      rows,
      requestId: "req_1",
      part: 3,
      timeoutMs: 1_000,
    });
    expect(callOf(requestOf("db.docs.upsert", { rows }))).toMatchObject({
      operation: "upsert",
      requestId: null,
      part: 0,
    });
  });

  it("delete by ids or by filter", () => {
    expect(callOf(requestOf("db.docs.delete", { ids: [1, "2"] }))).toMatchObject({
      operation: "delete",
      ids: [1, "2"],
      filter: null,
    });
    expect(callOf(requestOf("db.docs.delete", { filter: "a > 1" }))).toMatchObject({
      ids: null,
      filter: "a > 1",
    });
  });
});

describe("reads", () => {
  it("have defaults", () => {
    expect(callOf(requestOf("db.docs.search", { vector: [1, 2], limit: 10 }))).toEqual({
      operation: "search",
      database: "db",
      collection: "docs",
      timeoutMs: 30_000,
      requestId: null,
      consistency: null,
      maxAgeMs: null,
      session: null,
      asOf: null,
      filter: null,
      vectors: [[1, 2]],
      field: null,
      limit: 10,
      ef: 128,
      exact: false,
      outputFields: [],
    });
    expect(callOf(requestOf("db.docs.query", { filter: "a > 1", offset: 16_000 }))).toMatchObject({
      operation: "query",
      limit: 384,
      outputFields: null,
    });
  });

  it("take null for what is left out", () => {
    const body = { vector: "AAAA", limit: 1, filter: null, session: null, partitions: null };
    expect(callOf(requestOf("db.docs.search", body))).toMatchObject({ filter: null });
  });

  it("name their view", () => {
    const session = encodeToken(token);
    const body = { session, asOf: session, consistency: "session", maxAgeMs: 10 };
    expect(callOf(requestOf("db.docs.count", body))).toMatchObject({
      operation: "count",
      session: token,
      asOf: { kind: "session", token },
      consistency: "session",
      maxAgeMs: 10,
    });
  });

  it.each([
    [1_700_000_000_000, 1_700_000_000_000],
    [1_700_000_000_000.9, 1_700_000_000_000],
    ["1970-01-01T00:00:00Z", 0],
    ["2023-11-14T22:13:20Z", 1_700_000_000_000],
    ["2023-11-14T23:13:20.500+01:00", 1_700_000_000_500],
  ])("read as of %s", (asOf, epochMs) => {
    const call = callOf(requestOf("db.docs.count", { asOf }));
    expect(call).toMatchObject({ asOf: { kind: "time", epochMs } });
  });

  it.each([
    [{ consistency: null, maxAgeMs: null }, "strong", 0],
    [{ consistency: null, maxAgeMs: null }, "bounded", 5_000],
    [{ consistency: null, maxAgeMs: 7 }, "strong", 7],
    [{ consistency: "eventual", maxAgeMs: null }, "strong", null],
    [{ consistency: "session", maxAgeMs: null }, "strong", null],
    [{ consistency: "session", maxAgeMs: 9 }, "strong", 9],
    [{ consistency: "strong", maxAgeMs: null }, "eventual", 0],
  ] as const)("bear the age of %j in a collection that is %s", (call, level, age) => {
    expect(maxAgeOf(call, level)).toBe(age);
  });

  it("may be large, but not beyond what one reply could carry", () => {
    const vectors = new Array(16).fill([1, 2]);
    expect(callOf(requestOf("db.docs.search", { vectors, limit: 16_384 }))).toBeDefined();
    const more = requestOf("db.docs.search", { vectors: [...vectors, [1, 2]], limit: 16_384 });
    expect(parseRequest(more)).toMatchObject({ ok: false, error: { code: "limit-exceeded" } });
  });
});

describe("the system's requests", () => {
  it("are health and cluster", () => {
    expect(callOf(rawRequest("sys.health", ""))).toEqual({
      operation: "health",
      timeoutMs: 30_000,
      requestId: null,
    });
    expect(callOf(requestOf("sys.cluster", {}))).toMatchObject({ operation: "cluster" });
  });
});
