// The peer zvec, an embedded vector database: its own threads answer queries that are in flight.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bucketOf, type DataSet, rowOf } from "../data-sets.js";
import { type Engine, graph, type SearchOptions } from "../engine.js";
import { benchPackage } from "../packages.js";

interface Document {
  readonly id: string;
}
interface ZvecCollection {
  insertSync(documents: readonly object[]): readonly { ok: boolean; code: string }[];
  optimizeSync(): unknown;
  query(query: object): Promise<readonly Document[]>;
  closeSync(): void;
}
interface Zvec {
  ZVecCreateAndOpen(path: string, schema: object): ZvecCollection;
  ZVecOpen(path: string, options: object): ZvecCollection;
  ZVecCollectionSchema: new (schema: object) => object;
  ZVecDataType: Readonly<Record<"VECTOR_FP32" | "INT32", number>>;
  ZVecIndexType: Readonly<Record<"HNSW" | "INVERT", number>>;
  ZVecMetricType: Readonly<Record<"IP", number>>;
}

const batchRows = 1_000;

export function zvec(): Engine {
  const library = benchPackage<Zvec>("@zvec/zvec");
  let opened: ZvecCollection | null = null;
  return {
    async open(set, { directory }) {
      const path = join(directory, "zvec");
      if (!existsSync(path)) {
        const made = createZvec(set.dimension, path);
        insertIntoZvec(made, set);
        made.optimizeSync();
        made.closeSync();
      }
      opened = library.ZVecOpen(path, { readOnly: true });
    },
    async search(queries, { k, ef }: SearchOptions) {
      const collection = opened;
      if (collection === null) throw new Error("the collection is not open");
      const params = { indexType: library.ZVecIndexType.HNSW, ef };
      const found = await Promise.all(
        queries.map((vector) =>
          collection.query({ fieldName: "vector", vector, topk: k, params, outputFields: [] }),
        ),
      );
      return found.map((documents) => documents.map(({ id }) => Number(id)));
    },
    async close() {
      opened?.closeSync();
    },
  };
}

export function createZvec(dimension: number, path: string): ZvecCollection {
  const library = benchPackage<Zvec>("@zvec/zvec");
  const { ZVecDataType, ZVecIndexType, ZVecMetricType } = library;
  const indexParams = {
    indexType: ZVecIndexType.HNSW,
    metricType: ZVecMetricType.IP,
    m: graph.M,
    efConstruction: graph.efConstruction,
  };
  const schema = new library.ZVecCollectionSchema({
    name: "rows",
    vectors: { name: "vector", dataType: ZVecDataType.VECTOR_FP32, dimension, indexParams },
    fields: { name: "bucket", dataType: ZVecDataType.INT32 },
  });
  rmSync(path, { recursive: true, force: true });
  return library.ZVecCreateAndOpen(path, schema);
}

/** Returns the seconds that it took. */
export function insertIntoZvec(collection: ZvecCollection, set: DataSet): number {
  const startedAtMs = performance.now();
  for (let first = 0; first < set.rowCount; first += batchRows) {
    const length = Math.min(batchRows, set.rowCount - first);
    const documents = Array.from({ length }, (_, place) => {
      const row = first + place;
      const vectors = { vector: rowOf(set, row) };
      return { id: String(row), vectors, fields: { bucket: bucketOf(row) } };
    });
    const refused = collection.insertSync(documents).find(({ ok }) => !ok);
    if (refused !== undefined) throw new Error(`zvec refused a row: ${refused.code}`);
  }
  return (performance.now() - startedAtMs) / 1_000;
}
