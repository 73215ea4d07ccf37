// Whatever bytes arrive: an answer, never an exception, and no trace on any prototype.
import fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { packMessage } from "../../src/contract/message-pack.js";
import { parseRequest } from "../../src/contract/requests.js";
import { rawRequest, requestOf } from "./request-of.js";

const operations = [
  ...["db.create-collection", "db.alter-collection", "db.list-collections", "db.docs.describe"],
  ...["db.docs.insert", "db.docs.upsert", "db.docs.delete", "db.docs.flush"],
  ...["db.docs.search", "db.docs.query", "db.docs.count", "sys.health", "sys.cluster"],
];
const subject = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...operations) },
  { weight: 1, arbitrary: fc.string() },
);
const contentType = fc.constantFrom("json" as const, "msgpack" as const);
const hostile = fc.constantFrom<unknown>(
  ...["", "*", "__proto__", "constructor", "-1", "9223372036854775808", "\ud800", "\u0000"],
  ...[0, -1, 0.5, 1e308, 2 ** 53, Number.MAX_SAFE_INTEGER, null, true, [], {}, [[]], [null]],
);
const names = fc.constantFrom(
  ...["name", "fields", "rows", "ids", "filter", "vector", "vectors", "limit", "offset", "params"],
  ...["session", "asOf", "maxAgeMs", "consistency", "outputFields", "requestId", "part", "index"],
  ...["timeoutMs", "thresholds", "asOfWindow", "shards", "replicas", "metric", "toString"],
);
const value = fc.oneof(hostile, fc.jsonValue({ maxDepth: 4 }), fc.array(fc.double()));
const body = fc.dictionary(names, value, { noNullPrototype: true });

afterEach(() => {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

it("parseRequest answers any bytes", () => {
  fc.assert(
    fc.property(subject, fc.uint8Array({ maxLength: 300 }), contentType, (to, bytes, type) => {
      expect(typeof parseRequest(rawRequest(to, bytes, type)).ok).toBe("boolean");
    }),
    { numRuns: 1_000 },
  );
});

it("parseRequest answers any arguments with a call or a typed 4xx", () => {
  fc.assert(
    fc.property(subject, body, contentType, (to, given, type) => {
      const read = parseRequest(requestOf(to, given, type));
      if (read.ok) return;
      expect(read.error.status).toBeGreaterThanOrEqual(400);
      expect(read.error.status).toBeLessThan(500);
      expect(read.error.message).not.toBe("");
    }),
    { numRuns: 1_000 },
  );
});

it("parseRequest answers a good request of which one byte is another", () => {
  const good = {
    vector: [1, 2.5, -3],
    limit: 10,
    params: { ef: 64 },
    outputFields: ["a"],
    consistency: "bounded",
  };
  const bodies = { json: Buffer.from(JSON.stringify(good)), msgpack: packMessage(good) };
  fc.assert(
    fc.property(contentType, fc.nat(), fc.nat({ max: 255 }), (type, at, byte) => {
      const bytes = Uint8Array.from(bodies[type]);
      bytes[at % bytes.length] = byte;
      const read = parseRequest(rawRequest("db.docs.search", bytes, type));
      if (!read.ok) expect(read.error.status).toBeLessThan(500);
    }),
    { numRuns: 1_000 },
  );
});

it("parseRequest is not slowed down by what is deep, long or many", () => {
  const deep = `{"vector":${"[".repeat(200_000)}${"]".repeat(200_000)},"limit":1}`;
  expect(parseRequest(rawRequest("db.docs.search", deep)).ok).toBe(true);
  const nested = `{"params":${"[".repeat(200_000)}${"]".repeat(200_000)},"limit":1}`;
  expect(parseRequest(rawRequest("db.docs.search", nested))).toMatchObject({
    error: { code: "invalid-request", message: expect.stringMatching(/nests/) },
  });
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`a${index}`, 1]));
  expect(parseRequest(requestOf("db.docs.search", many))).toMatchObject({
    error: { code: "unknown-field" },
  });
});
