// Damaged graphs: refused, or searched without harm. A crash here ends the test process.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildHnsw } from "../../src/index/hnsw.js";
import { hnswHeaderBytes } from "../../src/index/hnsw-file.js";
import { loadIndex } from "../../src/index/load-index.js";
import { searchSegment } from "../../src/index/segment-search.js";
import { createVectorSlab } from "../../src/index/vector-slab.js";
import { uniformVectors } from "./random-vectors.js";

const shape = { metric: "L2", dimension: 4, count: 200 } as const;
const vectors = uniformVectors(shape.count, shape.dimension, 21);
// Few links a row make for many levels.
const file = buildHnsw({ ...shape, vectors, parameters: { M: 2, efConstruction: 40 } });
const slab = createVectorSlab(shape.dimension, shape.metric);
slab.append(vectors);
const queries = Array.from({ length: 4 }, (_, seed) => uniformVectors(1, shape.dimension, seed));

/** What became of the file: the reason it was refused for, or "searched". */
function tryOut(damaged: Uint8Array): string {
  const index = loadIndex(damaged, shape);
  if ("reason" in index) return index.reason;
  for (const query of queries) {
    const { offsets } = index.search(query, 20, 60, undefined);
    const distinct = new Set(offsets.filter((offset) => offset < shape.count));
    expect(distinct.size).toBe(offsets.length);
    const rest = { k: 5, ef: 1, rowCount: shape.count, allowed: undefined, exact: false };
    const hits = searchSegment({ slab, index, query, allowedCount: shape.count, ...rest });
    const { distances } = slab.nearestOf(query, hits.offsets, hits.offsets.length);
    expect(distances).toEqual(hits.distances);
  }
  index.free();
  return "searched";
}

describe("a damaged graph", () => {
  it("is what the sound one is not", () => {
    expect(tryOut(file)).toBe("searched");
  });

  it("is refused or searched without harm, whichever bytes changed", () => {
    const outcomes = new Map<string, number>();
    const byte = fc.record({
      at: fc.integer({ min: hnswHeaderBytes, max: file.length - 1 }),
      mask: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(fc.array(byte, { minLength: 1, maxLength: 3 }), (changes) => {
        const damaged = Uint8Array.from(file);
        for (const { at, mask } of changes) damaged[at] = (damaged[at] as number) ^ mask;
        const outcome = tryOut(damaged);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }),
      { numRuns: 1000 },
    );
    expect([...outcomes.keys()].sort()).toEqual(["damaged graph", "searched"]);
  });

  it("is refused for any flipped bit in hnswlib's own header that a search reads", () => {
    // The last 16 bytes are of interest to a graph that grows, which a loaded one never does.
    for (let bit = 0; bit < 80 * 8; bit += 1) {
      const damaged = Uint8Array.from(file);
      const at = hnswHeaderBytes + (bit >> 3);
      damaged[at] = (damaged[at] as number) ^ (1 << (bit & 7));
      expect(tryOut(damaged)).toBe("damaged graph");
    }
  });

  it("is refused for a link to a row that does not reach the level", () => {
    const view = new DataView(Uint8Array.from(file).buffer);
    const rowBytes = (2 * 2 + 1) * 4 + shape.dimension * 4 + 8;
    let at = hnswHeaderBytes + 96 + shape.count * rowBytes;
    const low: number[] = [];
    let linked = 0;
    for (let row = 0; row < shape.count; row += 1) {
      const length = view.getUint32(at, true);
      if (length === 0) low.push(row);
      else if (view.getUint32(at + 4, true) > 0) linked = at + 8;
      at += 4 + length;
    }
    view.setUint32(linked, low[0] as number, true);
    expect(loadIndex(new Uint8Array(view.buffer), shape)).toMatchObject({
      reason: "damaged graph",
      detail: expect.stringContaining("link above row"),
    });
  });
});
