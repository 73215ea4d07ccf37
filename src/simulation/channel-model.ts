// What a channel's rows must be at any position: a naive fold of a copy of its log, kept whole.
import { type AnyMessage, definitionOf } from "../messages/catalogue.js";
import type { Column } from "../rows/columns.js";
import { decodeRowBatch } from "../rows/row-batch-codec.js";
import type { LogEntry } from "../system/actor.js";

/** One version of a row of the collections that a simulation has. */
export interface ModelRow {
  readonly key: bigint;
  readonly rowNumber: number;
  /** Another number for every version of every row. */
  readonly n: number;
  readonly g: number;
  readonly v: readonly number[];
  readonly born: number;
  died: number;
}

export type RowTest = (row: Pick<ModelRow, "key" | "n" | "g">) => boolean;

const toleranceMs = 1_000n;
const logicalBits = 18n;

export class ChannelModel {
  readonly channel: string;
  readonly shard: number;
  readonly entries: LogEntry[] = [];
  /** The commit timestamp of each entry. */
  readonly commits: bigint[] = [];
  readonly rows: ModelRow[] = [];
  readonly #living = new Map<bigint, ModelRow>();

  constructor(channel: string) {
    this.channel = channel;
    this.shard = Number(channel.slice(channel.lastIndexOf("-") + 1));
  }

  get last(): number {
    return this.entries.length;
  }

  entry(sequence: number): LogEntry | undefined {
    return this.entries[sequence - 1];
  }

  commitAt(sequence: number): bigint {
    return this.commits[sequence - 1] ?? 0n;
  }

  /** The last position that was committed at or before this time. */
  positionAt(commit: bigint): number {
    let position = 0;
    while (position < this.last && (this.commits[position] as bigint) <= commit) position += 1;
    return position;
  }

  living(key: bigint): ModelRow | undefined {
    return this.#living.get(key);
  }

  rowsAt(sequence: number): ModelRow[] {
    return this.rows.filter(({ born, died }) => born <= sequence && died > sequence);
  }

  append(entry: LogEntry): void {
    if (entry.sequence !== this.last + 1) throw new Error("the audit copy of the log has a hole");
    this.entries.push(entry);
    this.commits.push(this.#commitOf(entry));
    const message = messageOf(entry);
    if (message.kind === "RowsInserted" || message.kind === "RowsUpserted") {
      for (const row of rowsOf(message.rows, entry.sequence, this.shard)) this.#bear(row);
    }
    if (message.kind === "RowsDeleted") {
      const through = message.evaluatedAt ?? entry.sequence;
      for (const key of message.keys) this.#kill(BigInt(key), entry.sequence, through);
    }
  }

  #commitOf({ stamp, appendedAtUs }: LogEntry): bigint {
    const appended = BigInt(Math.floor(appendedAtUs / 1_000));
    const earliest = (appended - toleranceMs) << logicalBits;
    const latest = (appended + toleranceMs) << logicalBits;
    let commit = stamp === 0n ? appended << logicalBits : stamp;
    if (stamp !== 0n && commit < earliest) commit = earliest;
    if (stamp !== 0n && commit > latest) commit = latest;
    const before = this.commits.at(-1) ?? 0n;
    return commit > before ? commit : before + 1n;
  }

  #bear(row: ModelRow): void {
    const former = this.#living.get(row.key);
    if (former !== undefined) former.died = row.born;
    this.#living.set(row.key, row);
    this.rows.push(row);
  }

  #kill(key: bigint, sequence: number, bornThrough: number): void {
    const row = this.#living.get(key);
    if (row === undefined || row.born > bornThrough) return;
    row.died = sequence;
    this.#living.delete(key);
  }
}

export function messageOf(entry: LogEntry): AnyMessage {
  const decoded = definitionOf(entry.kind)?.decode(entry.body);
  if (!decoded?.ok) throw new Error(`entry ${entry.sequence} of ${entry.channel} is unreadable`);
  return decoded.message as AnyMessage;
}

export function rowsOf(bytes: Uint8Array, born: number, shard: number): ModelRow[] {
  const decoded = decodeRowBatch(bytes);
  if (!decoded.ok) throw new Error(`rows are unreadable: ${decoded.reason}`);
  const { count, columns } = decoded.batch;
  const integers = (name: string) => {
    const column = columns.get(name) as Extract<Column, { type: "Int64" }> | undefined;
    return column?.values;
  };
  const [ids, ns, gs] = [integers("id"), integers("n"), integers("g")];
  const vectors = columns.get("v") as Extract<Column, { type: "FloatVector" }>;
  return Array.from({ length: count }, (_, row) => ({
    key: ids?.[row] ?? automaticKey(shard, born, row),
    rowNumber: row,
    n: Number(ns?.[row]),
    g: Number(gs?.[row]),
    v: [...vectors.values.subarray(row * vectors.dimension, (row + 1) * vectors.dimension)],
    born,
    died: Number.POSITIVE_INFINITY,
  }));
}

/** Shard in 10 bits, sequence in 37, row in 16: as the README says. */
export function automaticKey(shard: number, sequence: number, row: number): bigint {
  return (BigInt(shard) << 53n) | (BigInt(sequence) << 16n) | BigInt(row);
}
