// The records of the metadata store: collections, placement, sessions, leadership.
import { z } from "zod";
import { fieldSchema, fieldsMax, nameSchema } from "../rows/schema.js";
import { subjectToken } from "./define.js";

export const consistencyLevels = ["strong", "session", "bounded", "eventual"] as const;
export type ConsistencyLevel = (typeof consistencyLevels)[number];

export const thresholds = z.strictObject({
  /** A growing segment is sealed at the first of these. */
  sealRows: z.int().min(1).default(65_536),
  sealBytes: z
    .int()
    .min(1)
    .default(64 * 1024 * 1024),
  sealAgeMs: z.int().min(100).default(600_000),
  /** Segments with fewer rows get no index: at the default `ef` they are scanned faster. */
  indexRowsMin: z.int().min(1).default(12_800),
  /** Neighbouring segments are merged up to this size. */
  mergeBytes: z
    .int()
    .min(1)
    .default(1024 * 1024 * 1024),
});
export type Thresholds = z.infer<typeof thresholds>;

/** What can be altered while the collection is in use. */
export const collectionSettings = z.strictObject({
  replicas: z.int().min(1).max(16),
  consistency: z.enum(consistencyLevels),
  asOfWindowMs: z.int().min(0),
  thresholds,
});
export type CollectionSettings = z.infer<typeof collectionSettings>;

export const newCollection = z.strictObject({
  name: nameSchema,
  fields: z.array(fieldSchema).min(1).max(fieldsMax),
  dynamicFields: z.boolean(),
  shards: z.int().min(1).max(64),
  /** Null: as many as query hosts are known, two at most. */
  replicas: z.int().min(1).max(16).nullable(),
  consistency: z.enum(consistencyLevels),
  asOfWindowMs: z.int().min(0),
  thresholds,
});
export type NewCollection = z.infer<typeof newCollection>;

export const earlierRequestsMax = 16;

/** Under `collections.<database>.<name>`: one key holds all that changes together. */
export const collectionRecord = z.object({
  version: z.literal(1),
  collectionId: subjectToken,
  database: nameSchema,
  name: nameSchema,
  state: z.enum(["creating", "ready", "dropping"]),
  fields: z.array(fieldSchema),
  dynamicFields: z.boolean(),
  channels: z.array(subjectToken).min(1),
  settings: collectionSettings,
  /** The request that made the last change: a repeated command finds itself here. */
  request: z.string(),
  /** The requests before that one, newest first: a late repeat must not bury a newer change. */
  earlierRequests: z.array(z.string()).max(earlierRequestsMax).optional(),
  createdAtMs: z.number(),
});
export type CollectionRecord = z.infer<typeof collectionRecord>;

/**
 * Under `dropped.<collectionId>`, for longer than a command can live: a create that is delivered
 * again after the drop must not bring the collection back.
 */
export const droppedRecord = z.object({
  version: z.literal(1),
  collectionId: subjectToken,
  request: z.string(),
  droppedAtMs: z.number(),
});
export type DroppedRecord = z.infer<typeof droppedRecord>;

/** Under `assignments.<channel>`: which hosts hold a channel. */
export const assignmentRecord = z.object({
  version: z.literal(1),
  channel: subjectToken,
  collectionId: subjectToken,
  collectionKey: z.string(),
  data: subjectToken.nullable(),
  query: z.array(subjectToken),
});
export type AssignmentRecord = z.infer<typeof assignmentRecord>;

export const roles = ["proxy", "coordinator", "oracle", "query", "data", "index"] as const;
export type Role = (typeof roles)[number];

/** What one actor says of itself, for `status` and health. */
export const actorStatus = z.object({
  actor: z.string(),
  channel: z.string().nullable(),
  phase: z.string(),
  /** Why it is not well; null when it is. */
  cause: z.string().nullable(),
  figures: z.record(z.string(), z.number()),
});
export type ActorStatus = z.infer<typeof actorStatus>;

/** How far a host has come in giving all that it runs to others. */
export const drainProgress = z.object({
  phase: z.enum(["draining", "drained"]),
  /** What is still there, and why. */
  left: z.array(z.string()),
});
export type DrainProgress = z.infer<typeof drainProgress>;

/** Under `sessions.<host>`: its revision moves while the host lives. */
export const sessionRecord = z.object({
  version: z.literal(1),
  host: subjectToken,
  pid: z.number().int(),
  hostname: z.string(),
  roles: z.array(z.enum(roles)),
  startedAtMs: z.number(),
  renewedAtMs: z.number(),
  actors: z.array(actorStatus),
  /** While the host is leaving: it gets nothing new, and what it has goes to others. */
  drain: drainProgress.nullable().optional(),
  /** The stored formats that it reads; left out by versions that know of one only. */
  formats: z.object({ min: z.int(), max: z.int() }).optional(),
});
export type SessionRecord = z.infer<typeof sessionRecord>;

/** Under `hosts.<host>`: what an operator wants of it. There is none for one that just works. */
export const hostRecord = z.object({
  version: z.literal(1),
  host: subjectToken,
  draining: z.boolean(),
  /** The run of the host that ends when it is empty, by its start; null: it stays, and empty. */
  endsRun: z.number().nullable(),
  /** The command that made the last change. */
  request: z.string(),
});
export type HostRecord = z.infer<typeof hostRecord>;

/** Whether this run of the host is to be empty: the next one of a stopped host works again. */
export function isToDrain(record: HostRecord, run: { readonly startedAtMs: number }): boolean {
  return record.draining && (record.endsRun === null || record.endsRun === run.startedAtMs);
}

/** Under `leaders.<role>`: who acts; the others stand by. */
export const leaderRecord = z.object({
  version: z.literal(1),
  /** The host, and which run of the actor there: so no two write the same bytes. */
  holder: subjectToken,
  incarnation: z.string(),
  epoch: z.number().int(),
  /** Counts the renewals; -1 when the holder has given it up. */
  renewal: z.number().int(),
});
export type LeaderRecord = z.infer<typeof leaderRecord>;

/** Under `oracle.window`: no timestamp at or beyond this was ever handed out. */
export const oracleWindowRecord = z.object({
  version: z.literal(1),
  untilMs: z.number().int(),
  epoch: z.number().int(),
});
export type OracleWindowRecord = z.infer<typeof oracleWindowRecord>;

/** Under `cluster.format`: the stored format that writers use. There is none for the first. */
export const formatRecord = z.object({
  version: z.literal(1),
  format: z.int(),
  /** What it is about to become, unless a host turns up that does not read that. */
  next: z.int().nullable(),
});
export type FormatRecord = z.infer<typeof formatRecord>;

export const formatKey = "cluster.format";
export const collectionKey = (database: string, name: string): string =>
  `collections.${database}.${name}`;
export const assignmentKey = (channel: string): string => `assignments.${channel}`;
export const sessionKey = (host: string): string => `sessions.${host}`;
export const hostKey = (host: string): string => `hosts.${host}`;
export const droppedKey = (collectionId: string): string => `dropped.${collectionId}`;

/** Records are JSON, so that an operator can read them with the `nats` tool. */
export function encodeRecord(record: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

/** Throws on a record that does not fit: then the metadata store is damaged. */
export function decodeRecord<Schema extends z.ZodType>(
  schema: Schema,
  value: Uint8Array,
): z.infer<Schema> {
  return schema.parse(JSON.parse(Buffer.from(value).toString("utf8")));
}

export type ParsedRecord<Record> = { ok: true; record: Record } | { ok: false; reason: string };

/** For who can go on without a record that does not fit. */
export function parseRecord<Schema extends z.ZodType>(
  schema: Schema,
  value: Uint8Array,
): ParsedRecord<z.infer<Schema>> {
  try {
    const parsed = schema.safeParse(JSON.parse(Buffer.from(value).toString("utf8")));
    if (parsed.success) return { ok: true, record: parsed.data };
    return { ok: false, reason: z.prettifyError(parsed.error) };
  } catch (error) {
    return { ok: false, reason: `not JSON (${String(error)})` };
  }
}
