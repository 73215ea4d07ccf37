// How high each row of an HNSW graph reaches, drawn as Malkov and Yashunin do (arXiv 1603.09320).

/** The same seed gives the same levels: M rows of a level, on average, for each of the next one. */
export function drawLevels(count: number, M: number, seed: number): Uint8Array {
  const levels = new Uint8Array(count);
  for (let row = 0; row < count; row += 1) {
    levels[row] = Math.floor(-Math.log(uniform(seed, row)) / Math.log(M));
  }
  return levels;
}

/** Above 0, up to 1: the row's number of a SplitMix32 sequence (after Steele et al., 2014). */
function uniform(seed: number, row: number): number {
  let bits = (seed + Math.imul(row + 1, 0x9e3779b9)) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
  bits ^= bits >>> 15;
  return ((bits >>> 0) + 1) / 2 ** 32;
}
