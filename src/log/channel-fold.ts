// The fold that every reader of a channel shares: position, commit timestamp, segment boundary.
import { definitionOf } from "../messages/catalogue.js";
import type { WalMessage } from "../messages/wal.js";
import { batchMisfit } from "../rows/batch-fits.js";
import type { RowBatch } from "../rows/columns.js";
import { viewRowBatch } from "../rows/row-batch-codec.js";
import type { CollectionSchema, Key } from "../rows/schema.js";
import type { LogEntry, LogPosition } from "../system/actor.js";
import { clampTo, fromMs, next, type Timestamp } from "./timestamp.js";

/** A stamp counts as far as it lies within this distance of the broker's own append time. */
export const stampToleranceMs = 1_000;

/** The position of a reader that has read nothing. */
export const logStart: LogPosition = { sequence: 0, appendedAtUs: 0 };

export interface ChannelFold {
  readonly channel: string;
  readonly schema: CollectionSchema;
  position: LogPosition;
  commit: Timestamp;
  /** All rows at or below this sequence belong to closed segments. */
  boundary: number;
  /** Entries with a body that nobody can read: counted, shown, passed over by all alike. */
  setAside: { count: number; last: string | null };
}

/** What an entry means for the rows of the channel. */
export type ChannelEvent =
  | { kind: "rows"; batch: RowBatch; bytes: Uint8Array }
  | { kind: "deleted"; keys: readonly Key[]; bornThrough: number }
  | { kind: "sealed"; from: number; through: number }
  | { kind: "ticked" }
  | { kind: "nothing" };

/** The log holds what this code must not guess at: the reader stops here, with this cause. */
export class UnreadableLog extends Error {}

export function startFold(
  channel: string,
  schema: CollectionSchema,
  at: { position: LogPosition; commit: Timestamp } | null,
): ChannelFold {
  const position = at?.position ?? logStart;
  const commit = at?.commit ?? 0n;
  const setAside = { count: 0, last: null };
  return { channel, schema, position, commit, boundary: position.sequence, setAside };
}

/** Moves the fold over the next entry. Throws `UnreadableLog` at a hole or an unknown kind. */
export function foldEntry(fold: ChannelFold, entry: LogEntry): ChannelEvent {
  if (entry.sequence !== fold.position.sequence + 1) {
    const expected = fold.position.sequence + 1;
    throw new UnreadableLog(`${fold.channel}: entry ${entry.sequence} where ${expected} was due`);
  }
  const message = decodeEntry(fold, entry);
  fold.position = { sequence: entry.sequence, appendedAtUs: entry.appendedAtUs };
  fold.commit = commitOf(fold.commit, entry);
  return message === null ? { kind: "nothing" } : eventOf(fold, entry, message);
}

/** The larger of the entry's stamp, as far as the broker's clock bears it out, and the next. */
function commitOf(previous: Timestamp, entry: LogEntry): Timestamp {
  const appendedMs = Math.floor(entry.appendedAtUs / 1_000);
  const stamp =
    entry.stamp === 0n ? fromMs(appendedMs) : clampTo(entry.stamp, appendedMs, stampToleranceMs);
  return stamp > previous ? stamp : next(previous);
}

function decodeEntry(fold: ChannelFold, entry: LogEntry): WalMessage | null {
  const definition = definitionOf(entry.kind);
  if (definition?.durability !== "log" || definition.version !== entry.version) {
    const what = `kind '${entry.kind}' version ${entry.version}`;
    throw new UnreadableLog(
      `${fold.channel}: entry ${entry.sequence} has the unknown ${what}: start newer code`,
    );
  }
  const decoded = definition.decode(entry.body);
  if (decoded.ok) return decoded.message as WalMessage;
  return setAside(fold, entry, decoded.reason);
}

function setAside(fold: ChannelFold, entry: LogEntry, reason: string): null {
  fold.setAside.count += 1;
  fold.setAside.last = `entry ${entry.sequence}: ${reason}`;
  return null;
}

function eventOf(fold: ChannelFold, entry: LogEntry, message: WalMessage): ChannelEvent {
  switch (message.kind) {
    case "RowsInserted":
    case "RowsUpserted":
      return rowsEvent(fold, entry, message.rows);
    case "RowsDeleted": {
      const bornThrough = Math.min(message.evaluatedAt ?? entry.sequence, entry.sequence);
      return { kind: "deleted", keys: keysLike(fold.schema, message.keys), bornThrough };
    }
    case "SegmentSealed":
      return sealedEvent(fold, message.through ?? entry.sequence - 1, entry);
    case "Ticked":
      return { kind: "ticked" };
  }
}

function rowsEvent(fold: ChannelFold, entry: LogEntry, bytes: Uint8Array): ChannelEvent {
  const decoded = viewRowBatch(bytes);
  const misfit = decoded.ok ? batchMisfit(decoded.batch, fold.schema) : decoded.reason;
  if (decoded.ok && misfit === null) return { kind: "rows", batch: decoded.batch, bytes };
  setAside(fold, entry, misfit ?? "no rows");
  return { kind: "nothing" };
}

/** A late seal is harmless: what it would close is closed. One from the future closes nothing. */
function sealedEvent(fold: ChannelFold, through: number, entry: LogEntry): ChannelEvent {
  if (through <= fold.boundary || through >= entry.sequence) return { kind: "nothing" };
  const from = fold.boundary;
  fold.boundary = through;
  return { kind: "sealed", from, through };
}

/** Keys of an Int64 field travel as numbers where they fit; what is no key here is left out. */
export function keysLike(
  schema: CollectionSchema,
  keys: readonly (string | bigint | number)[],
): readonly Key[] {
  const isInteger = schema.fields.some((field) => field.primaryKey && field.type === "Int64");
  return keys.flatMap((key): Key[] => {
    if (isInteger) return typeof key === "string" ? [] : [BigInt(key)];
    return typeof key === "string" ? [key] : [];
  });
}
