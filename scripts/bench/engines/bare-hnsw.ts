// The limit: hnswlib in a loop, in the process that asks.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type DataSet, rowOf } from "../data-sets.js";
import { type Engine, type EngineWork, graph, type SearchOptions } from "../engine.js";
import { benchPackage } from "../packages.js";

interface Graph {
  initIndex(options: { maxElements: number; m: number; efConstruction: number }): void;
  addPoint(point: number[], label: number): void;
  setEf(ef: number): void;
  searchKnn(point: number[], k: number): { neighbors: number[]; distances: number[] };
  writeIndexSync(path: string): void;
  readIndexSync(path: string): void;
}

type Hnswlib = { HierarchicalNSW: new (space: "ip", dimension: number) => Graph };

export function bareHnsw(): Engine {
  let opened: Graph | null = null;
  return {
    async open(set, work) {
      opened = openGraph(set, work);
    },
    search(queries, { k, ef }: SearchOptions) {
      const index = opened;
      if (index === null) throw new Error("the index is not open");
      index.setEf(ef);
      return queries.map((query) => index.searchKnn(Array.from(query), k).neighbors);
    },
    async close() {
      opened = null;
    },
  };
}

/** Opening it is all that it is for. */
export function bareBuild(): Engine {
  return {
    async open(set) {
      buildBareGraph(set);
    },
    search() {
      throw new Error("it only builds");
    },
    async close() {
      return undefined;
    },
  };
}

function openGraph(set: DataSet, { directory }: EngineWork): Graph {
  const path = join(directory, "bare.hnsw");
  if (!existsSync(path)) buildBareGraph(set).writeIndexSync(path);
  const { HierarchicalNSW } = benchPackage<Hnswlib>("hnswlib-node");
  const index = new HierarchicalNSW("ip", set.dimension);
  index.readIndexSync(path);
  return index;
}

/** Labels are row numbers. */
function buildBareGraph(set: DataSet): Graph {
  const { HierarchicalNSW } = benchPackage<Hnswlib>("hnswlib-node");
  const index = new HierarchicalNSW("ip", set.dimension);
  index.initIndex({ maxElements: set.rowCount, m: graph.M, efConstruction: graph.efConstruction });
  for (let row = 0; row < set.rowCount; row += 1) {
    index.addPoint(Array.from(rowOf(set, row)), row);
  }
  return index;
}
