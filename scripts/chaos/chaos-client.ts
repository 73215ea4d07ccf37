// What chaos asks of a client, whichever it is, and the client of TypeScript in this role.
import type { Collection } from "../../src/client/collection.js";
import type { ElanusClient } from "../../src/client/connect.js";
import type { ConsistencyLevel } from "../../src/messages/records.js";
import { type ChaosRow, type ShownHit, type ShownRow, shownRow } from "./rows.js";

export interface View {
  readonly consistency: ConsistencyLevel;
  readonly maxAgeMs?: number | undefined;
}

export interface Search extends View {
  readonly vector: Float32Array;
  readonly limit: number;
  readonly exact: boolean;
  readonly filter?: string | undefined;
}

export interface Query extends View {
  readonly filter?: string | undefined;
  readonly ids?: readonly string[] | undefined;
  readonly limit?: number | undefined;
}

/** Each call tries again as the contract allows, and then rejects with an ElanusError. */
export interface ChaosCollection {
  /** The ids, where the log decides them. */
  insert(rows: readonly ChaosRow[], requestId: string): Promise<readonly string[]>;
  upsert(rows: readonly ChaosRow[], requestId: string): Promise<void>;
  /** How many rows were given or matched. */
  deleteIds(ids: readonly string[], requestId: string): Promise<number>;
  deleteFilter(filter: string, requestId: string): Promise<number>;
  search(search: Search): Promise<readonly ShownHit[]>;
  query(query: Query): Promise<readonly ShownRow[]>;
  count(view: View & { readonly filter?: string | undefined }): Promise<number>;
  flush(): Promise<void>;
}

export interface ChaosClient {
  readonly name: string;
  collection(name: string): ChaosCollection;
  close(): Promise<void>;
}

/** For a write with its retries, for a read, and for a flush, which waits for the object store. */
export const patienceMs = { write: 60_000, read: 45_000, flush: 60_000 };
export const outputFields = ["id", "key", "owner", "write", "v"] as const;

export function typedClient(client: ElanusClient): ChaosClient {
  return {
    name: "typed",
    collection: (name) => typedCollection(client.collection<Record<string, unknown>>(name)),
    close: () => client.close(),
  };
}

function typedCollection(rows: Collection): ChaosCollection {
  const write = (requestId: string) => ({ requestId, timeoutMs: patienceMs.write });
  const read = ({ consistency, maxAgeMs }: View) => ({
    consistency,
    timeoutMs: patienceMs.read,
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
  });
  const filtered = (filter: string | undefined) => (filter === undefined ? {} : { filter });
  return {
    async insert(given, requestId) {
      const { ids } = await rows.insert(given.map(asRecord), write(requestId));
      return ids.map(String);
    },
    async upsert(given, requestId) {
      await rows.upsert(given.map(asRecord), write(requestId));
    },
    deleteIds: async (ids, requestId) => (await rows.delete({ ids }, write(requestId))).count,
    deleteFilter: async (filter, id) => (await rows.delete({ filter }, write(id))).count,
    async search({ vector, limit, exact, filter, ...view }) {
      const request = { vector, limit, exact, outputFields, ...filtered(filter), ...read(view) };
      const { results } = await rows.search(request);
      return (results[0] ?? []).map(({ id, score, fields }) => ({
        ...shownRow({ id, ...fields }),
        score,
      }));
    },
    async query({ filter, ids, limit, ...view }) {
      const which = { ...filtered(filter), ...(ids === undefined ? {} : { ids }) };
      const most = limit === undefined ? {} : { limit };
      const { rows: shown } = await rows.query({ ...which, ...most, outputFields, ...read(view) });
      return shown.map(shownRow);
    },
    count: async ({ filter, ...view }) =>
      (await rows.count({ ...filtered(filter), ...read(view) })).count,
    flush: () => rows.flush({ timeoutMs: patienceMs.flush }),
  };
}

const asRecord = (row: ChaosRow): Record<string, unknown> => ({ ...row });
