// Scores as Milvus gives them, and norms that never become NaN.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inverseNorm, normalise, referenceDistance, toScore } from "../../src/index/distance.js";

const vectorArbitrary = fc
  .array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 40 })
  .map((values) => Float32Array.from(values));

describe("toScore", () => {
  it("gives squared distance for L2, and similarity for IP and COSINE", () => {
    const a = Float32Array.of(3, 4);
    const b = Float32Array.of(4, 3);
    expect(toScore("L2", referenceDistance("L2", a, b))).toBe(2);
    expect(toScore("IP", referenceDistance("IP", a, b))).toBe(24);
    expect(toScore("COSINE", referenceDistance("COSINE", a, b))).toBeCloseTo(24 / 25, 12);
  });

  it("gives no negative zero and no similarity beyond 1", () => {
    expect(toScore("IP", 0)).toBe(0);
    expect(toScore("IP", -0)).toBe(0);
    expect(toScore("COSINE", -1e-7)).toBe(1);
    expect(toScore("COSINE", 2.000001)).toBe(-1);
  });
});

describe("normalise", () => {
  it("gives length 1, or all zero", () => {
    fc.assert(
      fc.property(vectorArbitrary, (vector) => {
        const usable = inverseNorm(vector, 0, vector.length) !== 0;
        normalise(vector);
        const length = Math.hypot(...vector);
        if (usable) expect(length).toBeCloseTo(1, 5);
        else expect(length).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it("leaves a zero vector zero, with similarity 0 to everything", () => {
    const zero = new Float32Array(5);
    normalise(zero);
    expect([...zero]).toEqual([0, 0, 0, 0, 0]);
    const distance = referenceDistance("COSINE", zero, Float32Array.of(1, 2, 3, 4, 5));
    expect(toScore("COSINE", distance)).toBe(0);
  });

  it("bears values whose squares leave float32", () => {
    for (const value of [1e-30, 1e30, 3e38]) {
      const vector = Float32Array.of(value, -value);
      normalise(vector);
      expect(vector[0]).toBeCloseTo(Math.SQRT1_2, 5);
      expect(vector[1]).toBeCloseTo(-Math.SQRT1_2, 5);
    }
  });
});
