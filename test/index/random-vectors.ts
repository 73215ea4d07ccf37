// Seeded vectors for the tests of the index.

/** A small generator of numbers in [0, 1), so that a failing test fails again (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Evenly spread in [-1, 1). */
export function uniformVectors(rows: number, dimension: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return new Float32Array(rows * dimension).map(() => random() * 2 - 1);
}

/** Rows around `clusters` centres, as embeddings of real things lie. */
export function clusteredVectors(
  rows: number,
  dimension: number,
  { clusters, spread, seed }: { clusters: number; spread: number; seed: number },
): Float32Array {
  const random = createRandom(seed);
  const centres = uniformVectors(clusters, dimension, seed + 1);
  const vectors = new Float32Array(rows * dimension);
  for (let row = 0; row < rows; row += 1) {
    const centre = Math.floor(random() * clusters) * dimension;
    for (let index = 0; index < dimension; index += 1) {
      const noise = (random() + random() + random() - 1.5) * spread;
      vectors[row * dimension + index] = (centres[centre + index] as number) + noise;
    }
  }
  return vectors;
}

/** One byte a row: 1 with this probability. */
export function randomFlags(rows: number, probability: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  return new Uint8Array(rows).map(() => (random() < probability ? 1 : 0));
}
