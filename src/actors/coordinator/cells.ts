// One key of the metadata store as the coordinator knows it; every write is a compare-and-set.
import type { z } from "zod";
import { encodeRecord, parseRecord } from "../../messages/records.js";
import type { Effect, MetadataEntry, Outcome } from "../../system/actor.js";

export interface Cell<Value> {
  readonly key: string;
  readonly schema: z.ZodType<Value>;
  /** Whether the store holds what is said here, as far as anybody can know. */
  known: boolean;
  /** Null when there is no such key. */
  revision: number | null;
  value: Value | null;
  /** Why a stored value cannot be used. */
  damage: string | null;
  /** A read or a write is under way. */
  busy: boolean;
  retryAtMs: number;
}

export function emptyCell<Value>(key: string, schema: z.ZodType<Value>): Cell<Value> {
  const nothing = { revision: null, value: null, damage: null };
  return { key, schema, known: true, ...nothing, busy: false, retryAtMs: 0 };
}

export function isSettled<Value>(cell: Cell<Value>): boolean {
  return cell.known && !cell.busy;
}

export function readEffect<Value>(cell: Cell<Value>, id: string): Effect {
  cell.busy = true;
  return { kind: "readMetadata", id, key: cell.key };
}

/** `value` null deletes the key. */
export function writeEffect<Value>(cell: Cell<Value>, value: Value | null, id: string): Effect {
  if (!isSettled(cell)) throw new Error(`${cell.key} is written before it was read`);
  cell.busy = true;
  const { key, revision } = cell;
  const bytes = value === null ? null : encodeRecord(value);
  return { kind: "writeMetadata", id, key, value: bytes, revision };
}

export function applyEntry<Value>(cell: Cell<Value>, entry: MetadataEntry | null): void {
  const parsed = entry === null ? null : parseRecord(cell.schema, entry.value);
  cell.known = true;
  cell.revision = entry?.revision ?? null;
  cell.value = parsed?.ok ? parsed.record : null;
  cell.damage = parsed !== null && !parsed.ok ? parsed.reason : null;
}

export function applyRead<Value>(
  cell: Cell<Value>,
  result: Extract<Outcome, { kind: "MetadataRead" }>["result"],
  retryAtMs: number,
): void {
  cell.busy = false;
  if (result.ok) applyEntry(cell, result.entry);
  else cell.retryAtMs = retryAtMs;
}

/** After a conflict, or an outcome that nobody knows, the key is read before the next decision. */
export function applyWritten<Value>(
  cell: Cell<Value>,
  value: Value | null,
  result: Extract<Outcome, { kind: "MetadataWritten" }>["result"],
  retryAtMs: number,
): void {
  cell.busy = false;
  if (result.ok) {
    cell.value = value;
    cell.damage = null;
    cell.revision = value === null ? null : result.revision;
    return;
  }
  cell.known = false;
  if (result.reason === "unavailable") cell.retryAtMs = retryAtMs;
}
