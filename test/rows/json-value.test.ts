// JSON values at the edge: read without a change where none is needed, bounded in depth.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonBytes, readJson } from "../../src/rows/json-value.js";

const hasReservedKey = (value: unknown) =>
  /"(__proto__|constructor|prototype)":/.test(JSON.stringify(value));

describe("a JSON value", () => {
  it("comes back as it is, without being copied", () => {
    const json = fc.jsonValue({ maxDepth: 6 }).filter((value) => !hasReservedKey(value));
    fc.assert(
      fc.property(json, (value) => {
        const read = readJson(value, "x");
        expect(read.ok && Object.is(read.value, value)).toBe(true);
      }),
    );
  });

  it("has small integers of 64 bits as numbers, in a copy", () => {
    const value = { a: [1, 2n, { b: 3n }], c: "d" };
    expect(readJson(value, "x")).toEqual({ ok: true, value: { a: [1, 2, { b: 3 }], c: "d" } });
    expect(value.a[1]).toBe(2n);
  });

  it("may nest 64 levels and no more", () => {
    const nested = (levels: number) =>
      JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);
    expect(readJson(nested(64), "x").ok).toBe(true);
    expect(readJson(nested(65), "x")).toMatchObject({
      problem: expect.stringMatching(/nests/),
    });
    expect(readJson(nested(100_000), "x").ok).toBe(false);
  });

  it("is read or refused, whatever is given, and what was read can be written", () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withTypedArray: true, withMap: true }),
        (given) => {
          const read = readJson(given, "x");
          if (read.ok) expect(jsonBytes(read.value)).toBeGreaterThan(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});
