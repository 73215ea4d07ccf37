// Reads of one channel: a work queue that the channel's replicas share.
import { z } from "zod";
import { bytes, type MessageOf, message, sequence, subjectToken, timestamp } from "./define.js";

/** Which rows a read must see, and which it may. */
export const readView = z.object({
  /** The answer may be this old in ms; 0 strong, null eventual. */
  maxAgeMs: z.number().min(0).nullable(),
  /** From a session token: wait until the fold has passed this position. */
  sessionSequence: sequence.nullable(),
  /** Read the rows as they were at this commit timestamp. */
  asOfTimestamp: timestamp.nullable(),
  /** Read the rows as they were at this position. */
  asOfSequence: sequence.nullable(),
});
export type ReadView = z.infer<typeof readView>;

const readFields = {
  channel: subjectToken,
  proxy: subjectToken,
  request: subjectToken,
  /** Which attempt of the request this is: the first, or a hedge. */
  attempt: z.number().int().min(0),
  /** Wall time in ms after which nobody waits for the answer. */
  deadlineMs: z.number(),
  collectionId: subjectToken,
  view: readView,
  filter: z.string().nullable(),
  outputFields: z.array(z.string()),
};

/** The `limit` nearest rows to each of the query vectors (float32, row-major). */
export const SearchChannel = message("SearchChannel", "query.{channel}", "query", {
  ...readFields,
  field: z.string(),
  vectors: bytes,
  count: z.number().int().min(1),
  limit: z.number().int().min(1),
  ef: z.number().int().min(1),
  exact: z.boolean(),
});

/** The rows with these keys or passing the filter, by ascending key; or only their number. */
export const QueryChannel = message("QueryChannel", "query.{channel}", "query", {
  ...readFields,
  ids: z.array(z.union([z.string(), z.bigint(), z.number().int()])).nullable(),
  /** How many rows the answer may hold; null: all of them (a delete by filter). */
  limit: z.number().int().min(0).nullable(),
  mode: z.enum(["rows", "count", "keys"]),
});

export const queryMessages = [SearchChannel, QueryChannel] as const;
export type QueryMessage = MessageOf<(typeof queryMessages)[number]>;
