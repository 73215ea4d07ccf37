// What the log of one channel holds: facts, in the past tense, in log order.
import { z } from "zod";
import { bytes, type MessageOf, message, sequence, subjectToken } from "./define.js";

const channel = subjectToken;

/** `rows` is a row batch (`row-batch-codec.ts`); without its key column when ids are automatic. */
const rowsFields = { channel, rows: bytes, count: z.number().int().min(1) };

/** Insert: a row replaces the row with its key, if there is one. */
export const RowsInserted = message("RowsInserted", "wal.{channel}", "log", rowsFields);

/** Upsert: the same fold as an insert; told apart for whoever reads the log. */
export const RowsUpserted = message("RowsUpserted", "wal.{channel}", "log", rowsFields);

/**
 * Hides the rows with these keys that were born at or before `evaluatedAt`: the position at which
 * a filter was evaluated; null for a delete by ids, which hides what was born before this entry.
 */
export const RowsDeleted = message("RowsDeleted", "wal.{channel}", "log", {
  channel,
  keys: z.array(z.union([z.string(), z.bigint(), z.number().int()])),
  evaluatedAt: sequence.nullable(),
});

/**
 * Closes (boundary, through]; at or below the boundary it means nothing, so a late one is
 * harmless. Null closes all that stands before this entry.
 */
export const SegmentSealed = message("SegmentSealed", "wal.{channel}", "log", {
  channel,
  through: sequence.nullable(),
});

/** A barrier: its writer learns from reading it back that it has seen all that came before. */
export const Ticked = message("Ticked", "wal.{channel}", "log", { channel });

export const walMessages = [
  RowsInserted,
  RowsUpserted,
  RowsDeleted,
  SegmentSealed,
  Ticked,
] as const;
export type WalMessage = MessageOf<(typeof walMessages)[number]>;
