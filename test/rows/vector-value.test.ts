// Vectors in each of their forms are the same vector.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readVectors, vectorWriter } from "../../src/rows/vector-value.js";

const float = fc.float({ noNaN: true, noDefaultInfinity: true });
const vector = fc
  .array(float, { minLength: 1, maxLength: 70 })
  .map((all) => Float32Array.from(all));

function formsOf(floats: Float32Array): unknown[] {
  const bytes = Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength);
  const unaligned = Buffer.concat([Buffer.alloc(1), bytes]).subarray(1);
  const base64 = bytes.toString("base64");
  const unpadded = base64.replaceAll("=", "");
  const forUrls = bytes.toString("base64url");
  return [Array.from(floats), floats, bytes, unaligned, base64, unpadded, forUrls];
}

function read(values: readonly unknown[], dimension: number): Float32Array {
  const vectors = readVectors(values, dimension);
  if (!vectors.ok) throw new Error(vectors.error.message);
  return new Float32Array(new Uint8Array(vectors.bytes).buffer);
}

describe("a vector", () => {
  it("is the same as numbers, as bytes and as base64", () => {
    fc.assert(
      fc.property(vector, (floats) => {
        for (const form of formsOf(floats)) {
          expect(read([form], floats.length)).toEqual(floats);
          expect(read([form, floats], floats.length)).toEqual(
            Float32Array.of(...floats, ...floats),
          );
        }
      }),
    );
  });

  it("as base64 is refused when one letter is none", () => {
    const junk = fc.constantFrom(" ", "\n", "!", "=", "\u00e9", "\u0000");
    fc.assert(
      fc.property(vector, junk, fc.nat(), fc.boolean(), (floats, letter, at, padded) => {
        const base64 = Buffer.from(floats.buffer).toString("base64");
        const whole = padded ? base64 : base64.replaceAll("=", "");
        const place = at % whole.replaceAll("=", "").length;
        const broken = whole.slice(0, place) + letter + whole.slice(place + 1);
        expect(readVectors([broken], floats.length).ok).toBe(false);
        expect(readVectors([whole.slice(0, place) + letter + whole], floats.length).ok).toBe(false);
      }),
    );
  });

  it("may be subnormal, and is rounded from doubles", () => {
    const vectors = read([[1e-45, 0.1, -0, 3.4028234663852886e38]], 4);
    expect(vectors[0]).toBeGreaterThan(0);
    expect(vectors[1]).toBe(Math.fround(0.1));
    expect(Object.is(vectors[2], -0)).toBe(true);
    expect(vectors[3]).toBe(3.4028234663852886e38);
  });

  it("of bytes is refused when one number is not finite, wherever it stands", () => {
    for (const place of [0, 1, 2]) {
      const floats = Float32Array.of(1, 2, 3);
      floats[place] = place === 1 ? Number.NaN : Number.POSITIVE_INFINITY;
      expect(readVectors([Buffer.from(floats.buffer)], 3).ok).toBe(false);
      expect(readVectors([Buffer.from(Float32Array.of(1, 2, 3).buffer)], 3).ok).toBe(true);
    }
  });

  it("goes to its own place and nowhere else", () => {
    const memory = new Float32Array(8).fill(9);
    const write = vectorWriter(memory.subarray(1, 7), 2);
    expect(write([1, 2], 1)).toBeNull();
    expect(write(Buffer.from(Float32Array.of(3, 4).buffer), 2)).toBeNull();
    expect(write(Buffer.from(Float32Array.of(5, 6).buffer).toString("base64"), 0)).toBeNull();
    expect(Array.from(memory)).toEqual([9, 5, 6, 1, 2, 3, 4, 9]);
  });

  it("is not made room for by the thousand before the first was looked at", () => {
    const error = { code: "limit-exceeded", status: 400 };
    expect(readVectors(new Array(16_384).fill(""), 32_768)).toMatchObject({ ok: false, error });
  });

  it("of a search is named by its number", () => {
    expect(readVectors([[1, 2], [3]], 2)).toMatchObject({
      ok: false,
      error: {
        code: "dimension-mismatch",
        message: "vectors[1] has 1 dimensions, not 2",
      },
    });
  });
});
