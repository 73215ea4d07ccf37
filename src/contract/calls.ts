// The requests of the contract as the proxy gets them: checked, with every default written out.
import type { CollectionSettings, ConsistencyLevel, NewCollection } from "../messages/records.js";
import type { AsOf } from "./arguments.js";
import type { SessionToken } from "./session-token.js";

interface Common {
  /** How long the client waits for the answer. */
  readonly timeoutMs: number;
  /** Null: the client gave none. */
  readonly requestId: string | null;
}
interface OfDatabase extends Common {
  readonly database: string;
}
interface OfCollection extends OfDatabase {
  readonly collection: string;
}
interface Write extends OfCollection {
  readonly part: number;
}

export interface CreateCollectionCall extends OfCollection {
  readonly operation: "create-collection";
  readonly definition: NewCollection;
}
export interface ListCollectionsCall extends OfDatabase {
  readonly operation: "list-collections";
}
/** Also `<collection>.describe`. */
export interface DescribeCollectionCall extends OfCollection {
  readonly operation: "describe-collection";
}
export interface DropCollectionCall extends OfCollection {
  readonly operation: "drop-collection";
}

/** Thresholds that are not named stay as they are. */
export type SettingsChange = Partial<Omit<CollectionSettings, "thresholds">> & {
  readonly thresholds?: Partial<CollectionSettings["thresholds"]>;
};
export interface AlterCollectionCall extends OfCollection {
  readonly operation: "alter-collection";
  readonly change: SettingsChange;
}

export interface InsertCall extends Write {
  readonly operation: "insert" | "upsert";
  /** For `rowsToBatch`, once the schema is known. */
  readonly rows: readonly unknown[];
}
/** Exactly one of `ids` (for `readKeys`) and `filter` is not null. */
export interface DeleteCall extends Write {
  readonly operation: "delete";
  readonly ids: readonly unknown[] | null;
  readonly filter: string | null;
}
export interface FlushCall extends OfCollection {
  readonly operation: "flush";
}

interface Read extends OfCollection {
  /** Null: the collection's. See `maxAgeOf`. */
  readonly consistency: ConsistencyLevel | null;
  readonly maxAgeMs: number | null;
  readonly session: SessionToken | null;
  readonly asOf: AsOf | null;
  readonly filter: string | null;
}
export interface SearchCall extends Read {
  readonly operation: "search";
  /** For `readVectors`, once the dimension is known. */
  readonly vectors: readonly unknown[];
  /** Null: the only vector field. */
  readonly field: string | null;
  readonly limit: number;
  readonly ef: number;
  readonly exact: boolean;
  /** For `resolveOutput`. */
  readonly outputFields: readonly string[];
}
export interface QueryCall extends Read {
  readonly operation: "query";
  /** `ids` or `filter`, or neither: then the first rows by key. */
  readonly ids: readonly unknown[] | null;
  readonly limit: number;
  readonly offset: number;
  /** Null: all but the vectors. */
  readonly outputFields: readonly string[] | null;
}
export interface CountCall extends Read {
  readonly operation: "count";
}

export interface SystemCall extends Common {
  readonly operation: "health" | "cluster";
}

/** What a host runs is to move to others, or it is to work again. */
export interface DrainCall extends Common {
  readonly operation: "drain";
  readonly host: string;
  readonly draining: boolean;
  readonly stops: boolean;
}

export type Call =
  | CreateCollectionCall
  | ListCollectionsCall
  | DescribeCollectionCall
  | DropCollectionCall
  | AlterCollectionCall
  | InsertCall
  | DeleteCall
  | FlushCall
  | SearchCall
  | QueryCall
  | CountCall
  | SystemCall
  | DrainCall;
export type ReadCall = SearchCall | QueryCall | CountCall;

const boundedAgeMsDefault = 5_000;

/** How old in ms the rows of a read may be: 0 is strong, null any age. */
export function maxAgeOf(
  call: Pick<ReadCall, "consistency" | "maxAgeMs">,
  collectionLevel: ConsistencyLevel,
): number | null {
  if (call.maxAgeMs !== null) return call.maxAgeMs;
  const level = call.consistency ?? collectionLevel;
  if (level === "strong") return 0;
  return level === "bounded" ? boundedAgeMsDefault : null;
}
