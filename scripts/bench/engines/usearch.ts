// The peer usearch, an HNSW library with batches over threads of its own.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DataSet } from "../data-sets.js";
import { type Engine, type EngineWork, graph, type SearchOptions } from "../engine.js";
import { benchPackage } from "../packages.js";

interface Matches {
  readonly keys: BigUint64Array;
}
interface Index {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void;
  search(vectors: Float32Array, k: number, threads: number): Matches | { get(i: number): Matches };
  save(path: string): void;
  load(path: string): void;
}
type Usearch = { Index: new (configuration: object) => Index };

/** How far a search looks is fixed when an index is loaded: one is kept for each. */
export function usearch(): Engine {
  const loaded = new Map<number, Index>();
  let path = "";
  let dimension = 0;
  const indexFor = (ef: number) => {
    const index = loaded.get(ef) ?? openIndex(dimension, ef);
    if (!loaded.has(ef)) {
      index.load(path);
      loaded.clear();
      loaded.set(ef, index);
    }
    return index;
  };
  return {
    async open(set, { directory }: EngineWork) {
      path = join(directory, "usearch.index");
      dimension = set.dimension;
      if (!existsSync(path)) build(set, path);
    },
    search(queries, { k, ef }: SearchOptions) {
      const matrix = new Float32Array(queries.length * dimension);
      for (const [place, query] of queries.entries()) matrix.set(query, place * dimension);
      const found = indexFor(ef).search(matrix, k, 0);
      return queries.map((_, place) =>
        Array.from("get" in found ? found.get(place).keys : found.keys, Number),
      );
    },
    async close() {
      loaded.clear();
    },
  };
}

function openIndex(dimensions: number, ef: number): Index {
  const { Index } = benchPackage<Usearch>("usearch");
  return new Index({
    dimensions,
    metric: "ip",
    quantization: "f32",
    connectivity: graph.M,
    expansion_add: graph.efConstruction,
    expansion_search: ef,
    multi: false,
  });
}

function build(set: DataSet, path: string): void {
  const index = openIndex(set.dimension, 64);
  index.add(
    BigUint64Array.from({ length: set.rowCount }, (_, row) => BigInt(row)),
    set.rows,
    0,
  );
  index.save(path);
}
