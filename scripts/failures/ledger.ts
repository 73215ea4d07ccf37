// What the load has written and knows of: it checks reads against it, and everything at the end.
import type { Collection } from "../../src/client/collection.js";
import type { ElanusClient } from "../../src/client/connect.js";
import type { Id } from "../../src/client/types.js";
import { type RequestKind, WrongAnswer } from "./load.js";

interface Row {
  id: Id;
  n: number;
  v: Float32Array;
}

interface Known {
  readonly id: Id;
  readonly n: number;
}

/** One request of each kind; it rejects when it fails or its answer is wrong. */
export type Ledger = Readonly<Record<RequestKind, () => Promise<void>>> & {
  insertRows(count: number): Promise<void>;
  /** Reads every row and compares. */
  audit(): Promise<Audit>;
};

export interface Audit {
  readonly rows: number;
  readonly lost: number;
  readonly doubled: number;
  /** Deleted, the delete acknowledged, and there again. */
  readonly resurrected: number;
  /** There, and never sent. */
  readonly unknown: number;
}

export const collectionName = "failures";
const dimension = 32;
const pageRows = 10_000;
/** Deletes leave at least so many rows. */
const rowsKept = 1_000;

const vectorOf = (n: number) =>
  Float32Array.from({ length: dimension }, (_, d) => Math.sin(n * (d + 1.37) + d));

export async function createTestCollection(client: ElanusClient, replicas: number): Promise<void> {
  await client.createCollection({
    name: collectionName,
    fields: [
      // The log gives the keys, so a row that was written twice would be there twice.
      { name: "id", type: "Int64", primaryKey: true, autoId: true },
      { name: "n", type: "Int32" },
      { name: "v", type: "FloatVector", dimension, metric: "L2" },
    ],
    replicas,
    thresholds: { sealRows: 1_000, indexRowsMin: 500, sealAgeMs: 5_000 },
  });
}

export async function openLedger(client: ElanusClient, rowsAtFirst: number): Promise<Ledger> {
  const ledger = new WriterLedger(client.collection<Row>(collectionName));
  for (let rows = 0; rows < rowsAtFirst; rows += 500) await ledger.insertRows(500);
  return ledger;
}

class WriterLedger implements Ledger {
  readonly #rows: Collection<Row>;
  /** By `n`, oldest first: acknowledged and not deleted. */
  readonly #live = new Map<number, Known>();
  readonly #deleted = new Set<number>();
  /** Writes whose fate nobody told: their rows may be there or not. */
  readonly #uncertain = new Set<number>();
  #next = 0;
  #newest: Known | undefined;
  #reads = 0;

  constructor(rows: Collection<Row>) {
    this.#rows = rows;
  }

  readonly insert = () => this.insertRows(1);

  async insertRows(count: number): Promise<void> {
    const numbers = Array.from({ length: count }, () => this.#next++);
    const rows = numbers.map((n) => ({ n, v: vectorOf(n) })) as unknown as Row[];
    try {
      const { ids } = await this.#rows.insert(rows);
      for (const [at, n] of numbers.entries()) {
        this.#newest = { id: ids[at] ?? 0n, n };
        this.#live.set(n, this.#newest);
      }
    } catch (error) {
      for (const n of numbers) this.#uncertain.add(n);
      throw error;
    }
  }

  readonly delete = async () => {
    const oldest = this.#live.values().next().value;
    if (oldest === undefined || this.#live.size <= rowsKept) return;
    this.#live.delete(oldest.n);
    try {
      await this.#rows.delete({ ids: [oldest.id] });
      this.#deleted.add(oldest.n);
    } catch (error) {
      this.#uncertain.add(oldest.n);
      throw error;
    }
  };

  /** For the newest row, whose log entry no replica may have seen yet; every other one exactly. */
  readonly search = async () => {
    const newest = this.#newest;
    const exact = this.#reads++ % 2 === 0;
    const vector = vectorOf(newest?.n ?? 0);
    const { results } = await this.#rows.search({
      vector,
      limit: 10,
      exact,
      consistency: "strong",
    });
    const found = results[0]?.[0]?.id;
    if (exact && found !== newest?.id) {
      throw new WrongAnswer(`the nearest row to ${newest?.id} is ${found}`);
    }
  };

  readonly query = async () => {
    const newest = this.#newest;
    if (newest === undefined) return;
    const { rows } = await this.#rows.query({ ids: [newest.id], outputFields: ["n"] });
    if (rows[0]?.n !== newest.n) throw new WrongAnswer(`no row ${newest.n} under ${newest.id}`);
  };

  readonly count = async () => {
    const from = this.#live.size;
    const { count } = await this.#rows.count();
    // Deletes that were under way take some away, and there are never many of those.
    if (count < from - rowsKept) throw new WrongAnswer(`${count} rows, and ${from} were known`);
  };

  async audit(): Promise<Audit> {
    const times = new Map<number, number>();
    let rows = 0;
    for (let last: Id = -(2n ** 63n), page = pageRows; page === pageRows; ) {
      const found = await this.#page(last);
      for (const { n = -1 } of found) times.set(n, (times.get(n) ?? 0) + 1);
      rows += found.length;
      page = found.length;
      last = found.at(-1)?.id ?? last;
    }
    const seen = [...times.keys()];
    return {
      rows,
      lost: [...this.#live.keys()].filter((n) => !times.has(n)).length,
      doubled: [...times.values()].filter((count) => count > 1).length,
      resurrected: seen.filter((n) => this.#deleted.has(n)).length,
      unknown: seen.filter((n) => n < 0 || n >= this.#next).length,
    };
  }

  async #page(after: Id): Promise<readonly Partial<Row>[]> {
    const filter = `id > ${after}`;
    const { rows } = await this.#rows.query({ filter, limit: pageRows, outputFields: ["n"] });
    return rows;
  }
}
