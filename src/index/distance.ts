// The maths of the metrics: internal distances (smaller is nearer) and the scores that clients see.
import type { Metric } from "../rows/schema.js";

/**
 * The score Milvus reports for an internal distance. Internally L2 is the squared distance, IP is
 * the negated dot product and COSINE is one less the similarity, so that smaller is always nearer.
 */
export function toScore(metric: Metric, distance: number): number {
  if (metric === "L2") return distance;
  // `0 - x` and not `-x`: a dot product of zero must not become -0.
  if (metric === "IP") return 0 - distance;
  // Rounding can carry a similarity past 1, where a client's Math.acos gives NaN.
  return Math.min(1, Math.max(-1, 1 - distance));
}

/**
 * What brings the vector of `dimension` values from `start` on to length 1, rounded to float32; 0
 * for a zero vector, and for one so short that the factor exceeds float32.
 */
export function inverseNorm(values: Float32Array, start: number, dimension: number): number {
  let sum = 0;
  for (let index = start; index < start + dimension; index += 1) {
    const value = values[index] as number;
    sum += value * value;
  }
  const factor = Math.fround(1 / Math.sqrt(sum));
  return Number.isFinite(factor) ? factor : 0;
}

/** Scales to length 1 in place; a zero vector stays zero, so it is similar to nothing. */
export function normalise(vector: Float32Array): void {
  const factor = inverseNorm(vector, 0, vector.length);
  for (let index = 0; index < vector.length; index += 1) {
    vector[index] = (vector[index] as number) * factor;
  }
}

function dotProduct(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) {
    sum += (a[index] as number) * (b[index] as number);
  }
  return sum;
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) {
    const difference = (a[index] as number) - (b[index] as number);
    sum += difference * difference;
  }
  return sum;
}

/** The internal distance in float64: what the fast paths are measured against. */
export function referenceDistance(metric: Metric, a: Float32Array, b: Float32Array): number {
  if (metric === "L2") return squaredDistance(a, b);
  if (metric === "IP") return 0 - dotProduct(a, b);
  const norms = Math.sqrt(dotProduct(a, a) * dotProduct(b, b));
  return norms === 0 ? 1 : 1 - dotProduct(a, b) / norms;
}
