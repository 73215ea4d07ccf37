// What a proxy knows: the requests in flight, the collections they are about, the oracle's time.
import type { Call, DeleteCall, InsertCall, ReadCall, SearchCall } from "../../contract/calls.js";
import type { AnyMessage } from "../../messages/catalogue.js";
import type { MessageOf } from "../../messages/define.js";
import type { QueryMessage, SearchChannel } from "../../messages/query.js";
import type { CollectionRecord } from "../../messages/records.js";
import type { QueryChannelReply, SearchChannelReply } from "../../messages/reply.js";
import type { RowBatch } from "../../rows/columns.js";
import type { CollectionSchema, Key } from "../../rows/schema.js";
import type { Effect } from "../../system/actor.js";
import { copiesAtOnce } from "./asking.js";
import type { ChannelLoad } from "./pacing.js";

export interface ProxySettings {
  readonly proxy: string;
  /** Requests in flight; beyond it clients get 'overloaded'. */
  readonly requestsMax: number;
  /** The largest entry of the log. */
  readonly entryBytesMax: number;
  /** A channel with more bytes of rows and indexes takes no new rows. */
  readonly channelBytesMax: number;
  /** From so many requests in flight on, searches that arrive together are sent together. */
  readonly gathersFrom: number;
}

export interface KnownCollection {
  readonly record: CollectionRecord;
  readonly schema: CollectionSchema;
  readonly revision: number;
  readonly readAtMs: number;
}

/** A client's request from its arrival to its answer. */
export interface Request {
  /** The number by which replies and outcomes name it. */
  readonly id: string;
  readonly clientId: string;
  readonly contentType: "json" | "msgpack";
  readonly connection: number;
  readonly call: Call;
  /** The client's request id, or one made for it. */
  readonly requestId: string;
  readonly arrivedAtMs: number;
  readonly deadlineMonotonicMs: number;
  readonly deadlineWallMs: number;
  collection: KnownCollection | null;
  work: Work;
}

export type ReadReply = MessageOf<typeof SearchChannelReply> | MessageOf<typeof QueryChannelReply>;

/** With its rows, of which no more than the keys may be there. */
export type DecodedReply = ReadReply & { readonly batch: RowBatch | null };

/** One channel's part of a read: asked again when no answer comes, the first answer counts. */
export interface ReadPart {
  message: QueryMessage;
  readonly firstSentAtMs: number;
  sentAtMs: number;
  attempts: number;
  /** After a failure that may pass: when it is asked again, monotonic ms. */
  retryAtMs: number | null;
  reply: DecodedReply | null;
}

/** What is searched for, whoever asks and wherever. */
export type SearchFields = Pick<
  MessageOf<typeof SearchChannel>,
  "filter" | "outputFields" | "field" | "vectors" | "count" | "limit" | "ef" | "exact"
>;

/** Searches of several requests that went out as one message to each channel. */
export interface Lot {
  /** What its members have in common. */
  readonly group: string;
  /** The vector at place i is that of member i: the number of its request. */
  readonly members: readonly string[];
  readonly parts: Map<string, ReadPart>;
}

/** One shard's entry of a write. */
export interface WritePart {
  readonly channel: string;
  readonly shard: number;
  readonly rows: number;
  readonly bytes: number;
  acknowledged: { sequence: number; duplicate: boolean } | null;
  /** A delete: how many keys the entry names. */
  deleted: number;
  /** Of the entry that an earlier attempt appended, while that is being read. */
  sequence?: number;
}

/** What a request is at. */
export type Work =
  | { kind: "waiting" }
  | {
      kind: "write";
      call: InsertCall | DeleteCall;
      keys: readonly Key[] | null;
      parts: Map<string, WritePart>;
    }
  | { kind: "read"; call: ReadCall | DeleteCall; parts: Map<string, ReadPart> }
  | { kind: "gathered"; call: SearchCall; search: SearchFields }
  | { kind: "command"; messages: Map<string, AnyMessage>; sentAtMs: number }
  | { kind: "describe"; description: Description };

/** What is gathered for `describe-collection`. */
export interface Description {
  readonly parts: Map<string, ReadPart>;
  readonly manifests: Map<string, ChannelDescription>;
  growing: ReadonlyMap<string, number> | null;
  waiting: number;
}

export interface ChannelDescription {
  checkpoint: number;
  segments: number;
  indexed: number;
  storedRows: number;
}

export type Purpose =
  | { for: "collection"; key: string }
  | { for: "fresh-collection"; request: string }
  | { for: "append"; request: string; channel: string }
  | { for: "original"; request: string; channel: string }
  | { for: "list"; request: string }
  | { for: "sessions"; request: string }
  | { for: "root"; request: string; channel: string }
  | { for: "manifest"; request: string; channel: string }
  | { for: "growing"; request: string };

export interface ProxyState {
  readonly settings: ProxySettings;
  /** The address of replies: new with each start, so that no old answer finds a new request. */
  incarnation: string;
  /** The newest connection that it heard of: commands of earlier ones have died with those. */
  connection: number;
  readonly requests: Map<string, Request>;
  readonly collections: Map<string, KnownCollection>;
  /** By channel, what its data worker said of it. */
  readonly loads: Map<string, ChannelLoad>;
  /** Writes that wait until data workers have caught up. */
  readonly paced: Set<string>;
  /** By what they have in common, the requests whose searches wait to be sent together. */
  readonly gathering: Map<string, string[]>;
  /** By the number by which replies name it. */
  readonly lots: Map<string, Lot>;
  /** What is not to be sent together, until monotonic ms. */
  readonly apart: Map<string, number>;
  /** By channel, the furthest position that was heard of. */
  readonly reached: Map<string, number>;
  /** How many parts of reads may be sent a second time before more are answered. */
  copiesLeft: number;
  /** Requests that wait for a collection's record, by its key. */
  readonly awaited: Map<string, string[]>;
  oracle: { timestamp: bigint; readAtMs: number } | null;
  oracleAskedAtMs: number;
  sweeping: boolean;
  stopping: boolean;
  refused: number;
  readonly pending: Map<string, Purpose>;
  nextId: number;
  outbox: Effect[];
}

export function initialState(settings: ProxySettings): ProxyState {
  return {
    settings,
    incarnation: "",
    connection: 0,
    requests: new Map(),
    collections: new Map(),
    loads: new Map(),
    paced: new Set(),
    gathering: new Map(),
    lots: new Map(),
    apart: new Map(),
    reached: new Map(),
    copiesLeft: copiesAtOnce,
    awaited: new Map(),
    oracle: null,
    oracleAskedAtMs: Number.NEGATIVE_INFINITY,
    sweeping: false,
    stopping: false,
    refused: 0,
    pending: new Map(),
    nextId: 1,
    outbox: [],
  };
}

export function expect(state: ProxyState, purpose: Purpose): string {
  const id = String(state.nextId++);
  state.pending.set(id, purpose);
  return id;
}
