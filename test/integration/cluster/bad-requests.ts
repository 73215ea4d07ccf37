// Requests with one thing wrong, which JSON and MessagePack can both say, and what each must get.
import type { FieldDefinition } from "../../../src/client/types.js";

export const good = { id: 1, name: "kite", small: 5, v: [1, 0, 0, 0] };

type Case = readonly [
  name: string,
  subject: string,
  given: unknown,
  status: number,
  word: string,
  text: RegExp,
];

export const row = (given: object) => ({ rows: [{ ...good, id: 2, ...given }] });
export const search = (given: object) => ({ vector: [1, 0, 0, 0], limit: 3, ...given });
const without = (name: string) => {
  const left = { ...good, id: 2 };
  Reflect.deleteProperty(left, name);
  return { rows: [left] };
};
const deep = (levels: number) => `${"(".repeat(levels)}small > 1${")".repeat(levels)}`;
const oneToken = "AAAA";
export const collection = (given: object) => ({ name: "other", fields, ...given });
const fields: readonly FieldDefinition[] = [
  { name: "id", type: "Int64", primaryKey: true },
  { name: "v", type: "FloatVector", dimension: 4 },
];

/** Bad whatever the encoding. */
export const cases: readonly Case[] = [
  ["a short vector", "docs.insert", row({ v: [1, 2] }), 400, "dimension-mismatch", /4/],
  [
    "a long query",
    "docs.search",
    search({ vector: [1, 2, 3, 4, 5] }),
    400,
    "dimension-mismatch",
    /4/,
  ],
  ["text for a number", "docs.insert", row({ small: "five" }), 400, "invalid-row", /'small'/],
  ["a number for text", "docs.upsert", row({ name: 5 }), 400, "invalid-row", /'name'/],
  [
    "text that is too long",
    "docs.insert",
    row({ name: "123456789" }),
    400,
    "value-out-of-range",
    /8/,
  ],
  [
    "an Int8 beyond its range",
    "docs.insert",
    row({ small: 128 }),
    400,
    "value-out-of-range",
    /128/,
  ],
  ["half an Int8", "docs.insert", row({ small: 1.5 }), 400, "invalid-row", /'small'/],
  [
    "a key beyond int64",
    "docs.insert",
    row({ id: "9223372036854775808" }),
    400,
    "value-out-of-range",
    /id/,
  ],
  ["a number beyond 2^53", "docs.insert", row({ id: 2 ** 60 }), 400, "value-out-of-range", /id/],
  [
    "a vector beyond float32",
    "docs.insert",
    row({ v: [1e39, 0, 0, 0] }),
    400,
    "value-out-of-range",
    /'v'/,
  ],
  ["a row that is none", "docs.insert", { rows: [5] }, 400, "invalid-row", /rows\[0\]/],
  ["no rows", "docs.insert", { rows: [] }, 400, "invalid-request", /rows/],
  ["a row without its key", "docs.insert", without("id"), 400, "missing-field", /'id'/],
  ["a row without its vector", "docs.upsert", without("v"), 400, "missing-field", /'v'/],
  ["a field nobody declared", "docs.insert", row({ nmae: "x" }), 400, "unknown-field", /'name'/],
  [
    "one bad row of three",
    "docs.insert",
    {
      rows: [
        { ...good, id: 7 },
        { ...good, id: 8 },
        { ...good, id: 9, v: [1] },
      ],
    },
    400,
    "dimension-mismatch",
    /rows\[2\]/,
  ],
  ["a key twice", "docs.insert", { rows: [good, good] }, 400, "duplicate-key", /rows\[1\]/],
  ["a collection nobody made", "nodocs.insert", row({}), 404, "collection-not-found", /nodocs/],
  [
    "a search in a collection nobody made",
    "nodocs.search",
    search({}),
    404,
    "collection-not-found",
    /nodocs/,
  ],
  [
    "a drop of a collection nobody made",
    "drop-collection",
    { name: "nodocs" },
    404,
    "collection-not-found",
    /nodocs/,
  ],
  [
    "a collection that is there",
    "create-collection",
    collection({ name: "docs" }),
    409,
    "collection-exists",
    /docs/,
  ],
  [
    "a name outside the rule",
    "create-collection",
    collection({ name: "d-ocs" }),
    400,
    "invalid-name",
    /name/,
  ],
  ["a subject outside the rule", "1docs.count", {}, 400, "invalid-name", /1docs/],
  ["a limit of 0", "docs.search", search({ limit: 0 }), 400, "invalid-request", /limit/],
  ["a limit of 16,385", "docs.search", search({ limit: 16_385 }), 400, "limit-exceeded", /16384/],
  ["a query for 16,385", "docs.query", { limit: 16_385 }, 400, "limit-exceeded", /16384/],
  [
    "a filter nobody can parse",
    "docs.search",
    search({ filter: "small >" }),
    400,
    "invalid-filter",
    /./,
  ],
  [
    "a filter of the wrong type",
    "docs.count",
    { filter: "name > 5" },
    400,
    "invalid-filter",
    /name/,
  ],
  ["a filter over no field", "docs.query", { filter: "smal > 5" }, 400, "invalid-filter", /small/],
  ["a filter 65 deep", "docs.count", { filter: deep(65) }, 400, "invalid-filter", /64/],
  ["a delete by a bad filter", "docs.delete", { filter: "small ===" }, 400, "invalid-filter", /./],
  [
    "a filter over 64 KiB",
    "docs.count",
    { filter: `name == "${"x".repeat(65_536)}"` },
    400,
    "invalid-filter",
    /65536/,
  ],
  ["a bad session token", "docs.count", { session: oneToken }, 400, "invalid-session", /session/],
  [
    "an asOf that is no time",
    "docs.count",
    { asOf: "yesterday" },
    400,
    "invalid-session",
    /RFC 3339/,
  ],
  [
    "an asOf of long ago",
    "docs.count",
    { asOf: 1_600_000_000_000 },
    400,
    "as-of-too-old",
    /20\d\d-\d\d-\d\dT/,
  ],
  ["partitions", "docs.search", search({ partitions: ["a"] }), 400, "not-available", /partitions/],
  [
    "an argument nobody knows",
    "docs.search",
    search({ filtr: "" }),
    400,
    "unknown-field",
    /'filter'/,
  ],
  ["an operation nobody knows", "docs.serach", {}, 404, "unknown-operation", /'search'/],
  ["a key of the wrong type", "docs.delete", { ids: ["kite"] }, 400, "invalid-key", /ids\[0\]/],
  ["a delete of all and nothing", "docs.delete", {}, 400, "invalid-request", /ids/],
  [
    "output of a field nobody declared",
    "docs.query",
    { limit: 1, outputFields: ["nam"] },
    400,
    "unknown-field",
    /'name'/,
  ],
];
