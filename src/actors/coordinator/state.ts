// What a coordinator knows: the records it leads, the commands it holds, and what is under way.
import type {
  AlterCollection,
  CreateCollection,
  DrainHost,
  DropCollection,
} from "../../messages/command.js";
import type { MessageOf } from "../../messages/define.js";
import {
  type AssignmentRecord,
  type CollectionRecord,
  type DroppedRecord,
  type FormatRecord,
  formatKey,
  formatRecord,
} from "../../messages/records.js";
import { createHosts, type Hosts } from "../../placement/hosts.js";
import { createLeadership, type Leadership } from "../../placement/leadership.js";
import type { DeliveryId, Effect, MetadataEntry, Outcome } from "../../system/actor.js";
import { type Cell, emptyCell } from "./cells.js";

export interface CoordinatorSettings {
  readonly host: string;
  /** Hosts and leaders are taken for dead when they were silent for this long. */
  readonly sessionTtlMs: number;
  /** A command that is neither acknowledged nor extended for this long goes to another. */
  readonly ackWaitMs: number;
  /** How often the records are listed again, should one have changed unseen. */
  readonly relistMs: number;
  /** What belongs to no collection is deleted when it is found so twice, this far apart. */
  readonly orphanGraceMs: number;
}

export type CollectionCommand =
  | MessageOf<typeof CreateCollection>
  | MessageOf<typeof DropCollection>
  | MessageOf<typeof AlterCollection>;

export interface Command {
  readonly delivery: DeliveryId;
  readonly message: CollectionCommand;
  /** What is on record of a drop of the collection that it names; undefined until it was read. */
  dropped: DroppedRecord | null | undefined;
  readingDropped: boolean;
  retryAtMs: number;
  /** The list of sessions, by its number, from which it may learn how many hosts there are. */
  readonly sessionsFrom: number;
}

/** In which stored format writers may write, and what it may become. */
export interface Format {
  readonly cell: Cell<FormatRecord>;
  /** The list of sessions, by its number, from which it may learn who is there. */
  sessionsFrom: number;
}

/** A wish about a host on its way into the metadata store. */
export interface DrainCommand {
  readonly delivery: DeliveryId;
  readonly message: MessageOf<typeof DrainHost>;
  /** The record as it stands; undefined until it was read. */
  entry: MetadataEntry | null | undefined;
  busy: boolean;
  retryAtMs: number;
}

export type Stage = "channels" | "roots" | "assignments" | "objects" | "mark" | "record";

/** A collection on its way into or out of existence. */
export interface Work {
  readonly record: CollectionRecord;
  readonly cell: Cell<CollectionRecord>;
  /** Of `stages`, the one it is at. */
  stage: number;
  /** What of this stage has not begun. */
  todo: string[];
  running: number;
  failures: number;
  detail: string | null;
  retryAtMs: number;
}

/** Objects and logs that belong to no collection. */
export interface Orphans {
  /** What came of the lists of a sweep that is under way. */
  listing: {
    objects: Extract<Outcome, { kind: "ObjectsListed" }>["result"] | null;
    channels: Extract<Outcome, { kind: "ChannelsListed" }>["result"] | null;
  } | null;
  /** Ids that no record named at the last sweep. */
  unnamedBefore: ReadonlySet<string>;
  todo: ({ kind: "deleteObject"; key: string } | { kind: "removeChannel"; channel: string })[];
  running: number;
}

/** What is cleared away now and then. */
export interface Sweep {
  /** Null until the records are known. */
  nextAtMs: number | null;
  /** When sessions are looked through for hosts that are gone, monotonic ms. */
  sessionsAtMs: number;
  readonly orphans: Orphans;
}

export type ListName = "assignments" | "collections" | "sessions" | "hosts";

/** What an effect was for, by its id. */
export type Purpose =
  | { for: "list"; name: ListName }
  | { for: "collection"; cell: Cell<CollectionRecord>; value: CollectionRecord | null }
  | { for: "assignment"; cell: Cell<AssignmentRecord>; value: AssignmentRecord | null }
  | { for: "dropped"; command: Command }
  | { for: "drain"; command: DrainCommand }
  | { for: "format"; value: FormatRecord | null }
  | { for: "work"; work: Work; item: string }
  | { for: "orphan-list" }
  | { for: "orphan-names"; keys: readonly string[]; channels: readonly string[] }
  | { for: "orphan-removal" }
  | { for: "sweep-marks" }
  | { for: "sweep-record" };

export interface CoordinatorState {
  readonly settings: CoordinatorSettings;
  readonly leadership: Leadership;
  stopping: boolean;
  readonly hosts: Hosts;
  readonly collections: Map<string, Cell<CollectionRecord>>;
  readonly assignments: Map<string, Cell<AssignmentRecord>>;
  /** Cells to be read before anything is decided about them. */
  readonly unknown: {
    readonly collections: Set<Cell<CollectionRecord>>;
    readonly assignments: Set<Cell<AssignmentRecord>>;
  };
  /** By the key of the collection. */
  readonly works: Map<string, Work>;
  readonly commands: Map<DeliveryId, Command>;
  readonly drains: Map<DeliveryId, DrainCommand>;
  readonly format: Format;
  creditsOut: number;
  /** Lists that have arrived since it leads, those that are due, and those under way. */
  readonly listed: Set<ListName>;
  readonly listsDue: Set<ListName>;
  readonly listsOut: Set<ListName>;
  relistAtMs: number;
  /** How many lists of sessions were begun, and which of them has come. */
  readonly sessionLists: { begun: number; come: number };
  placementDue: boolean;
  /** Why not all places can be given. */
  readonly placementCauses: { data: string | null; query: string | null };
  /** An assignment was written and not announced yet. */
  assignmentsMoved: boolean;
  readonly sweep: Sweep;
  readonly pending: Map<string, Purpose>;
  readonly timers: { beat: string | null; extend: string | null };
  nextId: number;
  outbox: Effect[];
}

export function initialState(settings: CoordinatorSettings): CoordinatorState {
  const { host, sessionTtlMs: ttlMs } = settings;
  return {
    settings,
    leadership: createLeadership({ role: "coordinator", host, ttlMs }),
    stopping: false,
    hosts: createHosts(ttlMs),
    collections: new Map(),
    assignments: new Map(),
    unknown: { collections: new Set(), assignments: new Set() },
    works: new Map(),
    commands: new Map(),
    drains: new Map(),
    format: { cell: { ...emptyCell(formatKey, formatRecord), known: false }, sessionsFrom: 0 },
    creditsOut: 0,
    listed: new Set(),
    listsDue: new Set(["assignments", "sessions", "hosts"]),
    listsOut: new Set(),
    relistAtMs: Number.NEGATIVE_INFINITY,
    sessionLists: { begun: 0, come: 0 },
    placementDue: false,
    placementCauses: { data: null, query: null },
    assignmentsMoved: false,
    sweep: {
      nextAtMs: null,
      sessionsAtMs: 0,
      orphans: { listing: null, unnamedBefore: new Set(), todo: [], running: 0 },
    },
    pending: new Map(),
    timers: { beat: null, extend: null },
    nextId: 1,
    outbox: [],
  };
}

/** A fresh effect id under which the outcome will be recognised. */
export function expect(state: CoordinatorState, purpose: Purpose): string {
  const id = String(state.nextId++);
  state.pending.set(id, purpose);
  return id;
}

/** How long to wait before something that failed is tried again. */
export function retryMs(state: CoordinatorState): number {
  return state.settings.sessionTtlMs / 3;
}

/** Whether the records are known, so that it may decide about them. */
export function isLoaded(state: CoordinatorState): boolean {
  return state.listed.size === 4;
}
