// The typed error that each bad request gets: its word, a 4xx, and what its text names.
import { describe, expect, it } from "vitest";
import type { ErrorCode } from "../../src/contract/errors.js";
import { parseRequest } from "../../src/contract/requests.js";
import type { ClientRequest } from "../../src/system/client-request.js";
import { rawRequest, requestOf } from "./request-of.js";

type Case = readonly [name: string, request: ClientRequest, text: RegExp];

const fields = [
  { name: "id", type: "Int64", primaryKey: true },
  { name: "v", type: "FloatVector", dimension: 4 },
];
const create = (given: object) =>
  requestOf("db.create-collection", { name: "d", fields, ...given });
const field = (given: object) => create({ fields: [...fields, { name: "a", ...given }] });
const vector = (given: object) => field({ type: "FloatVector", ...given });
const alter = (given: object) => requestOf("db.alter-collection", { name: "d", ...given });
const bare = (given: object) => requestOf("db.docs.search", given);
const search = (given: object) => bare({ vector: [1, 2, 3, 4], limit: 10, ...given });
const query = (given: object) => requestOf("db.docs.query", given);
const count = (given: object) => requestOf("db.docs.count", given);
const insert = (given: object) => requestOf("db.docs.insert", given);
const remove = (given: object) => requestOf("db.docs.delete", given);
const to = (subject: string) => rawRequest(subject, "{}");
const json = (body: string | Uint8Array) => rawRequest("db.docs.search", body);
const packed = (body: unknown) => requestOf("db.docs.search", body, "msgpack");

function errorOf(request: ClientRequest) {
  const read = parseRequest(request);
  if (read.ok) throw new Error(`accepted: ${JSON.stringify(read.call)}`);
  return read.error;
}

function refuses(code: ErrorCode, cases: readonly Case[]): void {
  describe(`'${code}' is what gets`, () => {
    it.each(cases)("%s", (_name, request, text) => {
      const error = errorOf(request);
      expect(error).toMatchObject({ code, retryable: false });
      expect(error.status).toBeGreaterThanOrEqual(400);
      expect(error.status).toBeLessThan(500);
      expect(`${error.message} ${error.hint ?? ""}`).toMatch(text);
    });
  });
}

const half = packed({ a: 1 }).body.subarray(0, 2);

refuses("malformed-body", [
  ["a body that is not JSON", json("{nope"), /JSON/],
  ["text that is not UTF-8", json(Buffer.from([0x22, 0xff, 0x22])), /JSON/],
  ["a list", json("[]"), /object/],
  ["a number", packed(5), /object/],
  ["binary", packed(Buffer.from("x")), /binary/],
  ["half a MessagePack body", rawRequest("db.docs.search", half, "msgpack"), /middle/],
  ["MessagePack that says it is JSON", json(packed({ limit: 1 }).body), /JSON/],
]);

refuses("unknown-operation", [
  ["an operation nobody knows", to("db.docs.serach"), /did you mean 'search'/],
  ["an operation of a collection without one", to("db.insert"), /insert/],
  ["an operation of a database within sys", to("sys.create-collection"), /create-collection/],
  ["a subject that is too short", to("db"), /'db'/],
  ["a subject that is too long", to("db.docs.insert.now"), /now/],
  ["a path for a name", to("db.../../etc.search"), /etc/],
]);

refuses("invalid-name", [
  ["a collection of 'sys'", to("sys.docs.search"), /sys/],
  ["a database outside the rule", to("d-b.docs.search"), /d-b/],
  ["a collection outside the rule", to("db.1docs.search"), /1docs/],
  ["a collection called __proto__", to("db.__proto__.search"), /__proto__/],
  ["a new collection outside the rule", create({ name: "1docs" }), /name/],
  ["a new collection with a long name", create({ name: "x".repeat(256) }), /name/],
  ["a field outside the rule", field({ name: "a b", type: "Bool" }), /fields\[2\]\.name/],
  ["a field called constructor", field({ name: "constructor", type: "Bool" }), /reserved/],
]);

const protoField = '{"name":"d","fields":[{"__proto__":1}]}';
refuses("reserved-name", [
  ["__proto__ in a field", rawRequest("db.create-collection", protoField), /__proto__/],
  ["__proto__ as an argument", json('{"__proto__":{"limit":1},"vector":[1]}'), /__proto__/],
  ["constructor inside an argument", search({ params: { constructor: 1 } }), /constructor/],
  ["output of a reserved name", query({ limit: 1, outputFields: ["__proto__"] }), /outputFields/],
]);

refuses("unknown-field", [
  ["a misspelt argument", search({ filtr: "a" }), /filtr.*did you mean 'filter'/],
  ["a misspelt parameter", search({ params: { eff: 1 } }), /params.*eff.*'ef'/],
  ["a misspelt argument of a field", vector({ dimensoin: 3 }), /fields\[2\].*'dimension'/],
  ["a misspelt threshold", create({ thresholds: { sealrow: 1 } }), /thresholds.*'sealRows'/],
  ["a misspelt threshold of a change", alter({ thresholds: { sealrow: 1 } }), /'sealRows'/],
  ["an index parameter nobody knows", create({ index: { m: 1 } }), /index.*'M'/],
  ["a change of the shards", alter({ shards: 2 }), /shards/],
  ["an argument of health", requestOf("sys.health", { verbose: true }), /verbose/],
]);

refuses("invalid-schema", [
  ["no primary key", create({ fields: [fields[1]] }), /primary key/],
  ["two fields of one name", create({ fields: [...fields, fields[1]] }), /two fields/],
  ["a vector without dimension", vector({}), /dimension/],
]);

refuses("not-available", [
  ["partitions", search({ partitions: ["a"] }), /partitions/],
  ["an insert into a partition", insert({ rows: [{}], partition: "a" }), /partition/],
]);

const long = "\u00e9".repeat(32_769);
refuses("invalid-filter", [
  ["an empty filter", search({ filter: " " }), /empty/],
  ["a delete by an empty filter", remove({ filter: "" }), /empty/],
  ["a filter over 64 KiB", search({ filter: long }), /65536/],
]);

refuses("invalid-session", [
  ["a bad session token", count({ session: "AAAA" }), /session/],
  ["an asOf that is neither", count({ asOf: "yesterday" }), /RFC 3339/],
  ["an asOf without a zone", count({ asOf: "2023-11-14T22:13:20" }), /zone/],
  ["an asOf on a day that is none", count({ asOf: "2023-02-30T00:00:00Z" }), /RFC 3339/],
]);

refuses("limit-exceeded", [
  ["a limit above 16,384", search({ limit: 16_385 }), /limit/],
  ["an offset that passes it with the limit", query({ limit: 16_384, offset: 1 }), /offset/],
  ["ef above its limit", search({ params: { ef: 32_769 } }), /params\.ef/],
  ["more dimensions than there may be", vector({ dimension: 32_769 }), /dimension/],
  ["too many ids", remove({ ids: new Array(16_385).fill(1) }), /ids/],
  ["too long a timeout", count({ timeoutMs: 600_001 }), /timeoutMs/],
  ["too old an age", count({ maxAgeMs: 1e9 }), /maxAgeMs/],
  ["endless output", query({ limit: 1, outputFields: new Array(1e5).fill(1) }), /outputFields/],
  [
    "too much output",
    query({ limit: 1, outputFields: new Array(1_025).fill("a") }),
    /outputFields/,
  ],
  ["endless fields", create({ fields: new Array(1e5).fill({}) }), /fields/],
]);

refuses("invalid-request", [
  ["a type that is almost one", field({ type: "int64" }), /int64.*did you mean 'Int64'/],
  ["a field without a type", field({}), /fields\[2\]\.type is missing/],
  ["a type that is a number", field({ type: 5 }), /fields\[2\]\.type/],
  ["a dimension of zero", vector({ dimension: 0 }), /dimension/],
  ["no shards", create({ shards: 0 }), /shards/],
  ["a duration that is none", create({ asOfWindow: "10 minutes" }), /asOfWindow/],
  ["an endless duration", create({ asOfWindow: "999999999999999d" }), /asOfWindow/],
  ["an unknown consistency", create({ consistency: "stronger" }), /did you mean 'strong'/],
  ["a change of nothing", alter({}), /alter/],
  ["a limit of 0", search({ limit: 0 }), /limit/],
  ["a limit of a half", search({ limit: 0.5 }), /limit/],
  ["a limit that is text", search({ limit: "10" }), /limit/],
  ["no limit", bare({ vector: [1] }), /limit is missing/],
  ["ef of 0", search({ params: { ef: 0 } }), /params\.ef/],
  ["vector and vectors", search({ vectors: [[1]] }), /either/],
  ["no vector", bare({ limit: 1 }), /either/],
  ["no vectors", bare({ vectors: [], limit: 1 }), /vectors/],
  ["a filter that is a tree", search({ filter: {} }), /filter/],
  ["a delete of nothing", remove({}), /either/],
  ["a delete by both", remove({ ids: [1], filter: "a > 1" }), /either/],
  ["a query by both", query({ ids: [1], filter: "a > 1" }), /not both/],
  ["a query for nothing", query({}), /limit/],
  ["a strong read of some age", count({ consistency: "strong", maxAgeMs: 5 }), /contradicts/],
  ["an eventual read of some age", count({ consistency: "eventual", maxAgeMs: 5 }), /contradicts/],
  ["a negative age", count({ maxAgeMs: -1 }), /maxAgeMs/],
  ["a session that is a number", count({ session: 1 }), /session/],
  ["an asOf before 1970", count({ asOf: -1 }), /asOf.*1970/],
  ["an asOf before 1970 as text", count({ asOf: "1969-12-31T23:59:59Z" }), /asOf.*1970/],
  ["an asOf that no timestamp can name", count({ asOf: "9999-01-01T00:00:00Z" }), /asOf.*4199/],
  ["a timeout of 0", count({ timeoutMs: 0 }), /timeoutMs/],
  ["a request id with a dot", count({ requestId: "a.b" }), /requestId/],
  ["a long request id", count({ requestId: "x".repeat(65) }), /requestId/],
  ["a part without its request", insert({ rows: [{}], part: 1 }), /requestId/],
  ["a part of a delete without its request", remove({ ids: [1], part: 1 }), /requestId/],
  ["a negative part", insert({ rows: [{}], part: -1, requestId: "r" }), /part/],
  ["rows that are no list", insert({ rows: {} }), /rows/],
  ["no rows", insert({}), /rows is missing/],
  ["output that is text", query({ limit: 1, outputFields: "*" }), /outputFields/],
]);

describe("an error", () => {
  it("quotes no more of the request than fits a header", () => {
    const error = errorOf(count({ [`a\r\nX: ${"y".repeat(1e6)}`]: 1 }));
    expect(error.message.length).toBeLessThan(1_100);
    expect(error.message).not.toMatch(/[\r\n]/);
  });

  it("lists what is known where nothing is near", () => {
    expect(errorOf(requestOf("sys.health", { verbose: true })).hint).toBe(
      "known are: timeoutMs, requestId",
    );
  });
});
