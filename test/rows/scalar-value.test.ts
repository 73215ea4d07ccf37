// Keys and scalars at the edges of what they can hold.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isProblem, readInt64, readKeys, readText } from "../../src/rows/scalar-value.js";
import { fieldSchema } from "../../src/rows/schema.js";

const int64 = fieldSchema.parse({ name: "id", type: "Int64", primaryKey: true });
const text = fieldSchema.parse({ name: "id", type: "VarChar", primaryKey: true, maxLength: 4 });

describe("an Int64", () => {
  it.each<[unknown, bigint]>([
    [0, 0n],
    [-0, 0n],
    [2 ** 53 - 1, 9007199254740991n],
    [-(2 ** 53) + 1, -9007199254740991n],
    ["9007199254740992", 9007199254740992n],
    ["9007199254740993", 9007199254740993n],
    ["9223372036854775807", 2n ** 63n - 1n],
    ["-9223372036854775808", -(2n ** 63n)],
    [-(2n ** 63n), -(2n ** 63n)],
    ["007", 7n],
  ])("of %s is exact", (given, exact) => {
    expect(readInt64(given)).toBe(exact);
  });

  it("is exact or refused, whatever is given", () => {
    fc.assert(
      fc.property(fc.oneof(fc.bigInt(), fc.double(), fc.string(), fc.anything()), (given) => {
        const read = readInt64(given);
        if (isProblem(read)) return;
        expect(BigInt.asIntN(64, read)).toBe(read);
        expect(read).toBe(BigInt(given as bigint | number | string));
      }),
      { numRuns: 500 },
    );
  });
});

describe("keys", () => {
  it("are read as their field has them", () => {
    expect(readKeys([1, "2", 3n], int64)).toEqual({ ok: true, keys: [1n, 2n, 3n] });
    expect(readKeys(["a", ""], text)).toEqual({ ok: true, keys: ["a", ""] });
  });

  it.each([
    [[1, 0.5], int64],
    [[1, null], int64],
    [["a", 1], text],
    [["a", "\u00e9\u00e9\u00e9"], text],
    [["a", '" or 1==1'], text],
  ])("that are none are named: %j", (ids, field) => {
    expect(readKeys(ids, field)).toMatchObject({
      ok: false,
      error: { code: "invalid-key", message: expect.stringMatching(/^ids\[1\] /) },
    });
  });
});

describe("text", () => {
  it("is bounded in bytes and well-formed Unicode", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.nat({ max: 20 }), (given, bytesMax) => {
        const well = Buffer.from(given).toString() === given;
        const fits = Buffer.byteLength(given) <= bytesMax;
        expect(isProblem(readText(given, bytesMax))).toBe(!well || !fits);
      }),
      { numRuns: 1_000 },
    );
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0xd7f0, max: 0xe00f })), (units) => {
        const given = String.fromCharCode(...units);
        const well = Buffer.from(given).toString() === given;
        expect(isProblem(readText(given, 1_000))).toBe(!well);
      }),
    );
  });
});
