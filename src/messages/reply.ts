// Answers to a proxy's requests: they live as long as somebody waits for them.
import { z } from "zod";
import { bytes, type MessageOf, message, sequence, subjectToken, timestamp } from "./define.js";

/** Why an actor refused: the proxy turns it into the client's typed error. */
export const failure = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  retryable: z.boolean(),
});
export type Failure = z.infer<typeof failure>;

const replyFields = { proxy: subjectToken, request: subjectToken };
const readReplyFields = {
  ...replyFields,
  channel: subjectToken,
  attempt: z.number().int().min(0),
  failure: failure.nullable(),
  /** The position whose rows this answer shows. */
  sequence,
  readTimestamp: timestamp,
};

/** Per query vector `counts` hits, best first, one after the other in `distances` and `rows`. */
export const SearchChannelReply = message(
  "SearchChannelReply",
  "reply.{proxy}.{request}",
  "reply",
  {
    ...readReplyFields,
    counts: z.array(z.number().int()),
    /** Float64, internal form: smaller is nearer. */
    distances: bytes,
    /** A row batch with the key field and the output fields; null without hits. */
    rows: bytes.nullable(),
  },
);

export const QueryChannelReply = message("QueryChannelReply", "reply.{proxy}.{request}", "reply", {
  ...readReplyFields,
  count: z.number().int(),
  rows: bytes.nullable(),
});

export const CollectionReply = message("CollectionReply", "reply.{proxy}.{request}", "reply", {
  ...replyFields,
  failure: failure.nullable(),
  collectionId: z.string().nullable(),
});

export const HostReply = message("HostReply", "reply.{proxy}.{request}", "reply", {
  ...replyFields,
  failure: failure.nullable(),
});

export const TimestampReply = message("TimestampReply", "reply.{proxy}.{request}", "reply", {
  ...replyFields,
  timestamp,
});

export const FlushReply = message("FlushReply", "reply.{proxy}.{request}", "reply", {
  ...replyFields,
  channel: subjectToken,
  failure: failure.nullable(),
  flushedThrough: sequence,
});

export const replyMessages = [
  SearchChannelReply,
  QueryChannelReply,
  CollectionReply,
  HostReply,
  TimestampReply,
  FlushReply,
] as const;
export type ReplyMessage = MessageOf<(typeof replyMessages)[number]>;
