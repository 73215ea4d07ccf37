// Metadata in a JetStream key-value bucket: for one NATS server, where its compare-and-set is safe.
import { BucketLists, type StreamSubjects } from "./bucket-lists.js";
import { UnavailableError } from "./errors.js";
import {
  assertMetadataKey,
  assertMetadataPrefix,
  assertMetadataValue,
  assertRevision,
  conflict,
  type MetadataStore,
  outcomeOfDelete,
  outcomeOfWrite,
  type StoredValue,
  type WriteOutcome,
} from "./metadata-store.js";

export interface KeyValueEntry {
  readonly value: Uint8Array;
  readonly revision: number;
  readonly operation: "PUT" | "DEL" | "PURGE";
}

/** What is used of the NATS client's bucket. */
export interface KeyValueBucket {
  get(key: string): Promise<KeyValueEntry | null>;
  create(key: string, value: Uint8Array): Promise<number>;
  update(key: string, value: Uint8Array, revision: number): Promise<number>;
  delete(key: string, options: { previousSeq: number }): Promise<void>;
}

export interface KeyValueClient {
  /** `jetstream().views` */
  readonly views: {
    kv(name: string, options: { history: number; replicas: number }): Promise<KeyValueBucket>;
  };
  /** `jetstreamManager().streams` */
  readonly streams: StreamSubjects;
}

export const metadataBucketDefault = "ELANUS_METADATA";
/** JetStream's error for an expected sequence that is not the last one. */
const wrongLastSequence = 10_071;

/** Creates the bucket when it is missing; file storage is JetStream's default. */
export async function openNatsMetadataStore(
  client: KeyValueClient,
  bucketName: string = metadataBucketDefault,
): Promise<MetadataStore> {
  try {
    const bucket = await client.views.kv(bucketName, { history: 1, replicas: 1 });
    return natsMetadataStore(bucket, client.streams, bucketName);
  } catch (error) {
    throw new UnavailableError(`open the bucket '${bucketName}'`, error);
  }
}

export function natsMetadataStore(
  bucket: KeyValueBucket,
  streams: StreamSubjects,
  bucketName: string,
): MetadataStore {
  const lists = new BucketLists(streams, bucketName, (key) => read(bucket, key));
  return {
    async get(key) {
      assertMetadataKey(key);
      return read(bucket, key);
    },
    async create(key, value) {
      assertMetadataKey(key);
      assertMetadataValue(key, value);
      return settled(
        `create '${key}'`,
        () => bucket.create(key, value),
        async () => outcomeOfWrite(await read(bucket, key), value, 0),
      );
    },
    async update(key, value, revision) {
      assertMetadataKey(key);
      assertMetadataValue(key, value);
      assertRevision(revision);
      return settled(
        `update '${key}'`,
        () => bucket.update(key, value, revision),
        async () => outcomeOfWrite(await read(bucket, key), value, revision),
      );
    },
    async delete(key, revision) {
      assertMetadataKey(key);
      assertRevision(revision);
      return settled(
        `delete '${key}'`,
        () => bucket.delete(key, { previousSeq: revision }).then(() => revision),
        async () => outcomeOfDelete(await read(bucket, key), revision),
      );
    },
    async list(prefix) {
      assertMetadataPrefix(prefix);
      return lists.list(prefix);
    },
  };
}

/** Writes; what was refused, or went unanswered, is settled by what the key holds now. */
async function settled(
  operation: string,
  write: () => Promise<number>,
  readBack: () => Promise<WriteOutcome | undefined>,
): Promise<WriteOutcome> {
  try {
    return { ok: true, revision: await write() };
  } catch (error) {
    const outcome = await readBack();
    if (outcome !== undefined) return outcome;
    if (isRefusal(error)) return conflict;
    throw new UnavailableError(operation, error);
  }
}

function isRefusal(error: unknown): boolean {
  const { api_error: details } = error as { api_error?: { err_code?: number } };
  return details?.err_code === wrongLastSequence;
}

async function read(bucket: KeyValueBucket, key: string): Promise<StoredValue | undefined> {
  try {
    const entry = await bucket.get(key);
    if (entry === null || entry.operation !== "PUT") return undefined;
    return { value: plain(entry.value), revision: entry.revision };
  } catch (error) {
    throw new UnavailableError(`get '${key}'`, error);
  }
}

function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
