// The shapes of the TypeScript client: what its calls take and what they give back.
import type {
  ConsistencyLevel,
  DrainProgress,
  SessionRecord,
  Thresholds,
} from "../messages/records.js";
import type { Field, FieldType, IndexParameters, Metric } from "../rows/schema.js";

/** Numbers, float32, their little-endian bytes, or these as base64. Float32Array is the fastest. */
export type Vector = readonly number[] | Float32Array | Uint8Array | string;
/** Int64 keys come back as bigints; numbers below 2^53 and decimal strings are taken too. */
export type Id = bigint | string;
export type GivenId = bigint | string | number;

export interface CallOptions {
  /** For the whole call, its retries included: 30 s when left out. */
  readonly timeoutMs?: number;
  /** Stops waiting; a write that was under way may still happen. */
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends CallOptions {
  /** The same write sent again under the same id within a minute is not written twice. */
  readonly requestId?: string;
}

/** Which rows a read sees; the collection's own level when nothing is said. */
export interface ViewOptions extends CallOptions {
  readonly consistency?: ConsistencyLevel;
  readonly maxAgeMs?: number;
  /** Instead of the token that the client remembers. */
  readonly session?: string;
  /** RFC 3339, milliseconds since 1970, or a session token. */
  readonly asOf?: string | number;
}

export interface FieldDefinition {
  readonly name: string;
  readonly type: FieldType;
  readonly primaryKey?: boolean;
  readonly autoId?: boolean;
  readonly dimension?: number;
  readonly maxLength?: number;
  readonly nullable?: boolean;
  readonly default?: string | number | boolean;
  readonly metric?: Metric;
  readonly index?: Partial<IndexParameters>;
}

export interface AlterableSettings {
  readonly replicas?: number;
  readonly consistency?: ConsistencyLevel;
  /** Milliseconds, or a text such as '10m'. */
  readonly asOfWindow?: number | string;
  readonly thresholds?: Partial<Thresholds>;
}

export interface CollectionDefinition extends AlterableSettings {
  readonly name: string;
  readonly fields: readonly FieldDefinition[];
  readonly metric?: Metric;
  readonly index?: Partial<IndexParameters>;
  readonly shards?: number;
  readonly dynamicFields?: boolean;
}

export interface CollectionReference {
  readonly name: string;
  readonly collectionId: string;
}

export interface CollectionSummary extends CollectionReference {
  readonly shards: number;
  readonly replicas: number;
  readonly createdAt: string;
}

export interface CollectionDescription extends CollectionReference {
  readonly database: string;
  readonly fields: readonly Field[];
  readonly dynamicFields: boolean;
  readonly settings: {
    readonly replicas: number;
    readonly consistency: ConsistencyLevel;
    readonly asOfWindowMs: number;
    readonly thresholds: Thresholds;
  };
  readonly createdAt: string;
  readonly rowCount: number;
  readonly shards: number;
  readonly channels: readonly ChannelDescription[];
}

export interface ChannelDescription {
  readonly channel: string;
  readonly position: number;
  /** Entries of the log that are not in the object store yet. */
  readonly lag: number;
  readonly growingRows: number;
  readonly storedRows: number;
  readonly segments: number;
  readonly indexedSegments: number;
}

export interface InsertResult {
  readonly count: number;
  readonly ids: readonly Id[];
  readonly session: string;
}

export interface DeleteResult {
  readonly count: number;
  readonly session: string;
}

export interface SearchRequest extends ViewOptions {
  /** One query; give `vectors` for several. */
  readonly vector?: Vector;
  readonly vectors?: readonly Vector[];
  readonly limit: number;
  /** The vector field, where there are several. */
  readonly field?: string;
  readonly filter?: string;
  readonly outputFields?: readonly string[];
  /** How far an HNSW search looks around: more is slower and finds more. */
  readonly ef?: number;
  readonly exact?: boolean;
}

export interface Hit<Row> {
  readonly id: Id;
  /** L2: squared distance, smaller is nearer; IP and COSINE: larger is nearer. */
  readonly score: number;
  /** Of `outputFields`; empty when none were asked for. */
  readonly fields: Partial<Row>;
}

/** What every read says of the rows that it saw. */
interface Seen {
  /** Names these rows: `asOf` it reads them again. */
  readonly session: string;
  readonly readTimestamp: string;
}

export interface SearchResult<Row> extends Seen {
  /** One list a query vector, best first. */
  readonly results: readonly (readonly Hit<Row>[])[];
}

export interface QueryRequest extends ViewOptions {
  readonly filter?: string;
  readonly ids?: readonly GivenId[];
  readonly limit?: number;
  readonly offset?: number;
  readonly outputFields?: readonly string[];
}

export interface QueryResult<Row> extends Seen {
  /** By ascending key, at most 16,384. Vectors are Float32Array, Int64 bigint. */
  readonly rows: readonly Partial<Row>[];
}

export interface CountRequest extends ViewOptions {
  readonly filter?: string;
}

export interface CountResult extends Seen {
  readonly count: number;
}

export interface Health {
  readonly status: "ok" | "degraded";
  /** Of whatever is not well. */
  readonly causes: readonly string[];
}

export interface Cluster extends Health {
  readonly hosts: readonly HostDescription[];
}

export interface HostDescription
  extends Pick<SessionRecord, "host" | "pid" | "hostname" | "roles" | "actors"> {
  readonly startedAt: string;
  readonly silentMs: number;
  /** While it gives what it runs to others. */
  readonly drain: DrainProgress | null;
}
