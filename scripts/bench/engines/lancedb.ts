// LanceDB, an embedded vector database over columnar files, with its HNSW-SQ index.
import { join } from "node:path";
import { type DataSet, rowOf } from "../data-sets.js";
import { type Engine, graph, type SearchOptions } from "../engine.js";
import { benchPackage } from "../packages.js";

interface VectorQuery {
  distanceType(type: "l2"): VectorQuery;
  ef(ef: number): VectorQuery;
  refineFactor(factor: number): VectorQuery;
  limit(k: number): VectorQuery;
  select(columns: readonly string[]): VectorQuery;
  toArrow(): Promise<{ getChild(name: string): Iterable<number | bigint> | null }>;
}
interface Table {
  add(rows: readonly object[]): Promise<unknown>;
  createIndex(column: string, options: object): Promise<void>;
  search(vector: Float32Array): VectorQuery;
  close(): void;
}
interface Connection {
  tableNames(): Promise<readonly string[]>;
  createTable(name: string, rows: readonly object[]): Promise<Table>;
  openTable(name: string): Promise<Table>;
  dropTable(name: string): Promise<void>;
}
interface LanceDb {
  connect(path: string): Promise<Connection>;
  Index: { hnswSq(options: object): object };
}

/** Orders vectors of length 1 as the dot product does, with which this version finds nothing. */
const distance = "l2";
const batchRows = 10_000;
const tableName = "rows";

export function lanceDb(): Engine {
  let table: Table | null = null;
  return {
    async open(set, { directory }) {
      const library = benchPackage<LanceDb>("@lancedb/lancedb");
      const connection = await library.connect(join(directory, "lancedb"));
      const names = await connection.tableNames();
      if (!names.includes(tableName)) await build(library, connection, set);
      table = await connection.openTable(tableName);
    },
    async search(queries, options) {
      const opened = table;
      if (opened === null) throw new Error("the table is not open");
      return Promise.all(queries.map((query) => nearest(opened, query, options)));
    },
    async close() {
      table?.close();
    },
  };
}

/** So many times as many rows are compared by their vectors: the index holds bytes of them. */
const refineFactor = 2;

async function nearest(table: Table, query: Float32Array, { k, ef }: SearchOptions) {
  // It refuses to look less far than it is to find.
  const width = Math.max(ef, k * refineFactor);
  const asked = table.search(query).distanceType(distance).ef(width).refineFactor(refineFactor);
  const found = await asked.limit(k).select(["id", "_distance"]).toArrow();
  return Array.from(found.getChild("id") ?? [], Number);
}

async function build(library: LanceDb, connection: Connection, set: DataSet): Promise<void> {
  let table: Table | null = null;
  for (let first = 0; first < set.rowCount; first += batchRows) {
    const length = Math.min(batchRows, set.rowCount - first);
    const rows = Array.from({ length }, (_, place) => {
      return { id: first + place, vector: Array.from(rowOf(set, first + place)) };
    });
    if (table === null) table = await connection.createTable(tableName, rows);
    else await table.add(rows);
  }
  const config = library.Index.hnswSq({
    distanceType: distance,
    numPartitions: 1,
    m: graph.M,
    efConstruction: graph.efConstruction,
  });
  await table?.createIndex("vector", { config });
}
