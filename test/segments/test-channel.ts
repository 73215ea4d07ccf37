// A channel as a query worker leads it: a fold, the jobs it gives to hosts, and a naive twin.
import { bear, createRowTable, kill, openRange, type RowRange } from "../../src/log/row-table.js";
import type { ObjectReference } from "../../src/messages/control.js";
import type { Column, RowBatch } from "../../src/rows/columns.js";
import { encodeRowBatch } from "../../src/rows/row-batch-codec.js";
import { type CollectionSchema, fieldSchema, type Key } from "../../src/rows/schema.js";
import { sha256Hex } from "../../src/storage/keys.js";
import type { ObjectStore } from "../../src/storage/object-store.js";
import type {
  ComputeJob,
  ComputeResult,
  GrowingEntry,
  RangeView,
} from "../../src/system/compute.js";

export const dimension = 4;

export const schema: CollectionSchema = {
  fields: [
    fieldSchema.parse({ name: "id", type: "Int64", primaryKey: true }),
    fieldSchema.parse({ name: "v", type: "FloatVector", dimension, metric: "L2", nullable: true }),
    fieldSchema.parse({ name: "tag", type: "VarChar", maxLength: 20 }),
    fieldSchema.parse({ name: "n", type: "Int32", nullable: true }),
  ],
  dynamicFields: true,
};

export interface TestRow {
  readonly id: bigint;
  readonly v: readonly number[] | null;
  readonly tag: string;
  readonly n: number | null;
  readonly meta: unknown;
}

export function batchOf(rows: readonly TestRow[]): RowBatch {
  const flags = (present: (row: TestRow) => boolean) =>
    rows.every(present) ? {} : { valid: Uint8Array.from(rows, (row) => (present(row) ? 1 : 0)) };
  const vectors = rows.flatMap((row) => row.v ?? new Array<number>(dimension).fill(0));
  const columns: [string, Column][] = [
    ["id", { type: "Int64", values: BigInt64Array.from(rows, (row) => row.id) }],
    [
      "v",
      {
        type: "FloatVector",
        dimension,
        values: Float32Array.from(vectors),
        ...flags((row) => row.v !== null),
      },
    ],
    ["tag", { type: "VarChar", values: rows.map((row) => row.tag) }],
    [
      "n",
      {
        type: "Int32",
        values: Int32Array.from(rows, (row) => row.n ?? 0),
        ...flags((row) => row.n !== null),
      },
    ],
  ];
  if (rows.some((row) => row.meta !== null)) {
    const values = rows.map((row) => row.meta);
    columns.push(["$meta", { type: "JSON", values, ...flags((row) => row.meta !== null) }]);
  }
  return { count: rows.length, columns: new Map(columns) };
}

/** The rows of a batch, null where a value is null; what the batch has no column for is left out. */
export function rowsOf(batch: RowBatch): Record<string, unknown>[] {
  return Array.from({ length: batch.count }, (_, row) => {
    const values: Record<string, unknown> = {};
    for (const [name, column] of batch.columns) {
      if (column.valid?.[row] === 0) values[name] = null;
      else if (column.type === "FloatVector") {
        const { dimension: width } = column;
        values[name] = [...column.values.subarray(row * width, (row + 1) * width)];
      } else values[name] = column.values[row];
    }
    return values;
  });
}

/** A version of a row: alive from `born` on, and no more from `died` on. */
export interface Version {
  readonly row: TestRow;
  readonly born: number;
  readonly place: number;
  died: number;
}

export interface Held {
  readonly range: RowRange;
  readonly entries: GrowingEntry[];
  isLoaded: boolean;
}

type Run = (job: ComputeJob) => Promise<ComputeResult>;

export class TestChannel {
  readonly name = "c-0";
  readonly table = createRowTable();
  readonly held: Held[] = [];
  /** The naive twin: all versions of all rows, in log order. */
  readonly versions: Version[] = [];
  sequence = 0;
  private readonly run: Run;
  private readonly objects: ObjectStore;

  constructor(run: Run, objects: ObjectStore) {
    this.run = run;
    this.objects = objects;
  }

  async insert(rows: readonly TestRow[]): Promise<void> {
    this.sequence += 1;
    const held = this.held.at(-1)?.range.through === null ? this.held.at(-1) : await this.open();
    const { range, entries } = held as Held;
    const before = range.lives;
    rows.forEach((row, place) => {
      bear(this.table, range, row.id, this.sequence, place);
      this.bury(row.id, this.sequence);
      this.versions.push({ row, born: this.sequence, place, died: Number.POSITIVE_INFINITY });
    });
    const bytes = encodeRowBatch(batchOf(rows));
    const commit = BigInt(this.sequence) * 1000n;
    const entry = { sequence: this.sequence, commit, rows: bytes, count: rows.length };
    entries.push(entry);
    const lives = range.lives === before ? null : range.lives;
    const { name: channel } = this;
    await this.run({ kind: "appendRows", channel, range: range.number, entry, lives });
  }

  delete(ids: readonly bigint[]): void {
    this.sequence += 1;
    for (const id of ids) {
      kill(this.table, id, this.sequence, this.sequence);
      this.bury(id, this.sequence);
    }
  }

  seal(): void {
    const last = this.held.at(-1);
    if (last !== undefined && last.range.count > 0) last.range.through = this.sequence;
    this.sequence += 1;
  }

  /** Replaces a closed range's holder by one that is loaded from an object, as a restart does. */
  async flushAndLoad(held: Held): Promise<Extract<ComputeResult, { kind: "segmentLoaded" }>> {
    const object = await this.flush(held);
    const { name: channel } = this;
    const { range } = held;
    const load = { kind: "loadSegment", channel, range: range.number, schema } as const;
    const loaded = await this.run({ ...load, object, segmentId: "s1" });
    if (loaded.kind !== "segmentLoaded") throw new Error(`the load came to ${loaded.kind}`);
    await this.run({ kind: "bindLives", channel, range: range.number, lives: range.lives });
    held.isLoaded = true;
    return loaded;
  }

  async flush(held: Held): Promise<ObjectReference> {
    const encoded = await this.run({
      kind: "encodeSegment",
      shard: 0,
      schema,
      entries: held.entries,
    });
    if (encoded.kind !== "encoded") throw new Error(`the encoding came to ${encoded.kind}`);
    return putObject(this.objects, `c/segments/${encoded.sha256.slice(0, 16)}`, encoded.bytes);
  }

  get views(): readonly RangeView[] {
    return this.held.map(({ range }) => ({ range: range.number, rowCount: range.count }));
  }

  visibleAt(at: number): readonly Version[] {
    return this.versions.filter((version) => version.born <= at && version.died > at);
  }

  private async open(): Promise<Held> {
    const range = openRange(this.table, this.sequence - 1, 2);
    const held: Held = { range, entries: [], isLoaded: false };
    this.held.push(held);
    const { name: channel } = this;
    const { number, lives } = range;
    await this.run({ kind: "openRange", channel, range: number, shard: 0, schema, lives });
    return held;
  }

  private bury(id: Key, sequence: number): void {
    for (const version of this.versions) {
      const isAlive = version.died === Number.POSITIVE_INFINITY;
      if (version.row.id === id && isAlive) version.died = sequence;
    }
  }
}

export async function putObject(
  objects: ObjectStore,
  key: string,
  bytes: Uint8Array,
): Promise<ObjectReference> {
  await objects.put(key, bytes);
  return { key, sha256: sha256Hex(bytes), bytes: bytes.byteLength };
}
