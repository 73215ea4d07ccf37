// The session token: up to which position of each channel a client has written or read.
import { LRUCache } from "lru-cache";
import { z } from "zod";
import { type Refused, refused } from "./errors.js";
import { packMessage, unpackMessage } from "./message-pack.js";

export interface SessionToken {
  readonly collectionId: string;
  /** By channel: what must have been applied before a read. */
  readonly positions: ReadonlyMap<string, number>;
  /** Of the collection's record. */
  readonly revision: number;
}

export type TokenRead = { readonly ok: true; readonly token: SessionToken } | Refused;

/** As many as a collection can have shards. */
const channelsMax = 64;
const textMax = 16_384;
const base64url = /^[A-Za-z0-9_-]+$/;

/** As in a subject; declared here since clients load this file and no messages of actors. */
const name = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);
const sequence = z.int().min(0);

const layout = z.strictObject({
  v: z.literal(1),
  c: name,
  p: z.array(z.tuple([name, sequence])).max(channelsMax),
  r: sequence,
});

export function encodeToken(token: SessionToken): string {
  const positions = [...token.positions].sort(([left], [right]) => (left < right ? -1 : 1));
  const value = { v: 1, c: token.collectionId, p: positions, r: token.revision };
  return Buffer.from(packMessage(value)).toString("base64url");
}

/** Between two writes every read brings the same text. */
const parsed = new LRUCache<string, TokenRead>({ max: 256, maxSize: 256 * 1024 });

/** The same token for a text that it was given lately: nobody may change one. */
export function parseToken(text: string): TokenRead {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const read = readToken(text);
  if (read.ok) parsed.set(text, read, { size: text.length });
  return read;
}

function readToken(text: string): TokenRead {
  if (text.length > textMax || !base64url.test(text)) return invalid("it is not base64url");
  const bytes = Buffer.from(text, "base64url");
  // The decoder drops bits that fill no byte; a token has none.
  if (bytes.toString("base64url") !== text) return invalid("it is cut short");
  const unpacked = unpackMessage(bytes);
  if (!unpacked.ok) return invalid("it is damaged");
  const checked = layout.safeParse(unpacked.value);
  if (!checked.success) return invalid("it has another shape");
  const { c: collectionId, p, r: revision } = checked.data;
  const positions = new Map(p);
  if (positions.size !== p.length) return invalid("it names a channel twice");
  return { ok: true, token: { collectionId, positions, revision } };
}

function invalid(reason: string): Refused {
  const hint = "hand on a 'session' of an earlier reply of this collection, unchanged";
  return refused("invalid-session", `the session token cannot be read: ${reason}`, hint);
}

/** Null when the tokens are of two collections, of which one has replaced the other. */
export function mergeTokens(left: SessionToken, right: SessionToken): SessionToken | null {
  if (left.collectionId !== right.collectionId) return null;
  const positions = new Map(left.positions);
  for (const [channel, position] of right.positions) {
    positions.set(channel, Math.max(position, positions.get(channel) ?? 0));
  }
  const revision = Math.max(left.revision, right.revision);
  return { collectionId: left.collectionId, positions, revision };
}
