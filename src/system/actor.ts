// What an actor is: a pure state machine over messages, whose effects are data.
import type { AnyDefinition, AnyMessage } from "../messages/catalogue.js";
import type { ClientReply, ClientRequest } from "./client-request.js";
import type { ComputeJob, ComputeResult } from "./compute.js";

/** When a message was delivered: clocks arrive in messages, no actor reads one. */
export interface Now {
  /** Of the host's own clock that never goes back; for time-outs and ages. */
  readonly monotonicMs: number;
  /** Since 1970; may jump. */
  readonly wallMs: number;
}

/** One entry of a channel's log as the broker keeps it. */
export interface LogEntry {
  readonly channel: string;
  readonly sequence: number;
  /** The broker's own time of the append, microseconds since 1970. */
  readonly appendedAtUs: number;
  readonly kind: string;
  readonly version: number;
  /** The writer's hybrid timestamp; 0n when it gave none. */
  readonly stamp: bigint;
  /** The request that gave birth to it, or its writer's own id. */
  readonly request: string;
  readonly body: Uint8Array;
}

/** A sequence and its append time: together they tell a log from one whose tail was replaced. */
export interface LogPosition {
  readonly sequence: number;
  readonly appendedAtUs: number;
}

/** Identifies a delivery of a work queue, to extend or acknowledge it. */
export type DeliveryId = string;

/**
 * All that an actor can ask for. `id` comes back in the outcome; it is unique in the actor's life.
 * The host starts effects in the order in which `decide` lists them and does not wait for them;
 * what must follow something else is decided when that one's outcome has come.
 */
export type Effect =
  /**
   * Append to a channel's log. `messageId` makes a repeat harmless within the duplicate window.
   * `connection`: the connection generation on which the request came; the append is not made, and
   * fails as 'disconnected', if that has ended. Null: sent again after a reconnect.
   */
  | {
      kind: "append";
      id: string;
      message: AnyMessage;
      stamp: bigint;
      request: string;
      messageId: string;
      connection: number | null;
    }
  /** Read a channel's log from behind `after` (null: from its beginning); entries follow. */
  | { kind: "follow"; channel: string; after: LogPosition | null }
  /** No further entry is read until `release`; what was on its way already still comes. */
  | { kind: "hold"; channel: string }
  | { kind: "release"; channel: string }
  /** Read one entry, for instance the original of a duplicate. */
  | { kind: "readEntry"; id: string; channel: string; sequence: number }
  /**
   * Ask for the last sequence of a channel's log. Refused in a cluster: there a server that leads
   * no more may answer, and lack what others have acknowledged since.
   */
  | { kind: "readHead"; id: string; channel: string }
  /** Publish to its declared subject; may be lost, so who needs it asks again. */
  | {
      kind: "publish";
      message: AnyMessage;
      messageId: string | null;
      /** Not published when this connection has ended; left out: whatever the connection is. */
      connection?: number;
    }
  /** Take up to `credits` more deliveries of a work queue (`token`: the subject's field). */
  | { kind: "take"; definitions: readonly AnyDefinition[]; token: string | null; credits: number }
  | { kind: "acknowledge"; delivery: DeliveryId }
  /** Keep a delivery from being given to another while it is worked on. */
  | { kind: "extend"; delivery: DeliveryId }
  /** Hear announcements, from the oldest kept one on or only new ones. */
  | {
      kind: "listen";
      definitions: readonly AnyDefinition[];
      token: string | null;
      from: "oldest" | "new";
    }
  | { kind: "respond"; request: string; reply: ClientReply }
  | { kind: "readObject"; id: string; key: string; sha256: string }
  | { kind: "writeObject"; id: string; key: string; bytes: Uint8Array }
  /** Refused by the host when its lease is over. */
  | { kind: "deleteObject"; id: string; key: string }
  | { kind: "listObjects"; id: string; prefix: string }
  | { kind: "readMetadata"; id: string; key: string }
  | { kind: "listMetadata"; id: string; prefix: string }
  /** Compare-and-set: `revision` null creates the key, `value` null deletes it. */
  | {
      kind: "writeMetadata";
      id: string;
      key: string;
      value: Uint8Array | null;
      revision: number | null;
    }
  | { kind: "createChannel"; id: string; channel: string }
  | { kind: "removeChannel"; id: string; channel: string }
  /** All channels that have a log. */
  | { kind: "listChannels"; id: string }
  /** Drop the log's entries up to and including `through`. */
  | { kind: "purge"; channel: string; through: number }
  /** After 0 ms: once what has arrived already was applied. Takes the place of one of its id. */
  | { kind: "timer"; id: string; afterMs: number }
  | { kind: "compute"; id: string; job: ComputeJob }
  /** Ask the shared cache for what some worker kept under this very key. */
  | { kind: "readCache"; id: string; key: string }
  /** Keep it for all; it may be lost at any time, so there is no outcome. */
  | { kind: "writeCache"; key: string; bytes: Uint8Array }
  /** For the log of the operator; not part of the protocol. */
  | { kind: "report"; level: "info" | "warn" | "error"; text: string }
  /** Stop and start again from scratch: someone newer owns this, or the state cannot go on. */
  | { kind: "restart"; reason: string; afterMs: number };

/** Retrying may help; nothing was done, or it is not known whether it was. */
export type Unavailable = { ok: false; reason: "unavailable"; detail: string };

/** Not to be had on this connection. */
export type RefusedHere = { ok: false; reason: "refused" };

export type ComputedResult = { ok: true; value: ComputeResult } | { ok: false; detail: string };

/** What came of an effect, or of something the host watches for the actor. */
export type Outcome =
  | { kind: "Started"; incarnation: string }
  | { kind: "Stopping" }
  | { kind: "Appended"; id: string; sequence: number; duplicate: boolean }
  | {
      kind: "AppendFailed";
      id: string;
      /** full: the log's size limit; missing: no such channel; the others: perhaps appended. */
      reason: "full" | "missing" | "disconnected" | "timeout";
      detail: string;
    }
  /** Entries up to `lastSequence` are a replay; `readable` false says why following ended. */
  | { kind: "FollowStarted"; channel: string; lastSequence: number }
  | { kind: "LogEntryRead"; entry: LogEntry }
  /** purged: the reader was overtaken; damaged: the entry at its position is another one. */
  | {
      kind: "FollowFailed";
      channel: string;
      reason: "purged" | "damaged" | "missing";
      detail: string;
    }
  | { kind: "EntryRead"; id: string; entry: LogEntry | null }
  | {
      kind: "HeadRead";
      id: string;
      result: { ok: true; sequence: number } | RefusedHere | Unavailable;
    }
  | { kind: "Delivered"; delivery: DeliveryId; deliveries: number; message: AnyMessage }
  | { kind: "Announced"; message: AnyMessage }
  | { kind: "ClientRequested"; request: ClientRequest }
  | { kind: "ObjectRead"; id: string; result: { ok: true; bytes: Uint8Array } | ObjectFailure }
  | { kind: "ObjectWritten"; id: string; result: { ok: true } | Unavailable }
  | { kind: "ObjectDeleted"; id: string; result: { ok: true } | Unavailable }
  | {
      kind: "ObjectsListed";
      id: string;
      result: { ok: true; keys: readonly string[] } | Unavailable;
    }
  | {
      kind: "MetadataRead";
      id: string;
      result: { ok: true; entry: MetadataEntry | null } | Unavailable;
    }
  | {
      kind: "MetadataListed";
      id: string;
      result: { ok: true; entries: readonly MetadataEntry[] } | Unavailable;
    }
  | {
      kind: "MetadataWritten";
      id: string;
      result: { ok: true; revision: number } | { ok: false; reason: "conflict" } | Unavailable;
    }
  | { kind: "ChannelCreated"; id: string; result: { ok: true } | Unavailable }
  | { kind: "ChannelRemoved"; id: string; result: { ok: true } | Unavailable }
  | {
      kind: "ChannelsListed";
      id: string;
      result: { ok: true; channels: readonly string[] } | Unavailable;
    }
  /** Null: nothing is there, or nothing that can be trusted. */
  | { kind: "CacheRead"; id: string; bytes: Uint8Array | null }
  | { kind: "TimerFired"; id: string }
  | { kind: "Computed"; id: string; result: ComputedResult }
  /** The connection to NATS was lost and is back: memory streams and what flew are gone. */
  | { kind: "Reconnected"; connection: number };

export type ObjectFailure = {
  ok: false;
  reason: "missing" | "corrupt" | "unavailable";
  detail: string;
};

export interface MetadataEntry {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

/**
 * `apply` is the one place where state changes because of a message; `decide` returns what the
 * state calls for that is not in hand yet, and marks it in hand. Both are deterministic and do no
 * I/O; they may change the state in place, since only this actor holds it. If either throws, the
 * actor stops and is rebuilt from the log. During a replay only `apply` runs.
 */
export interface ActorDefinition<Settings, State> {
  readonly name: string;
  readonly accepts: readonly AnyDefinition[];
  readonly emits: readonly AnyDefinition[];
  initial(settings: Settings): State;
  apply(state: State, outcome: Outcome, now: Now): void;
  decide(state: State, now: Now): readonly Effect[];
  /** What `status` shows. */
  status(state: State, now: Now): ActorReport;
}

export interface ActorReport {
  readonly phase: string;
  readonly cause: string | null;
  readonly figures: Readonly<Record<string, number>>;
}

export function defineActor<Settings, State>(
  definition: ActorDefinition<Settings, State>,
): ActorDefinition<Settings, State> {
  return definition;
}
