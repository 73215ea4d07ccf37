// One collection of the TypeScript client: its rows, written and read.
import { rowsMax } from "../rows/row-validation.js";
import { limitMax } from "../rows/schema.js";
import { type Arguments, type Context, call, encodeBody, envelopeOf } from "./call.js";
import { ElanusError } from "./elanus-error.js";
import { partsOf } from "./parts.js";
import { later, type RememberedSession } from "./remembered-session.js";
import type { Reply } from "./request-sender.js";
import type {
  CallOptions,
  CollectionDescription,
  CountRequest,
  CountResult,
  DeleteResult,
  GivenId,
  Hit,
  InsertResult,
  QueryRequest,
  QueryResult,
  SearchRequest,
  SearchResult,
  ViewOptions,
  WriteOptions,
} from "./types.js";
import { incomingRow, outgoingRow, outgoingVector } from "./wire-values.js";

export interface Collection<Row extends object = Record<string, unknown>> {
  readonly name: string;
  /**
   * A batch beyond about 1 MiB goes as several parts, one after the other: a shard takes each of
   * them whole or not at all, and `timeoutMs` is for each of them. An insert replaces the row that
   * has the same key.
   */
  insert(rows: readonly Row[], options?: WriteOptions): Promise<InsertResult>;
  upsert(rows: readonly Row[], options?: WriteOptions): Promise<InsertResult>;
  delete(
    which: { readonly ids: readonly GivenId[] } | { readonly filter: string },
    options?: WriteOptions,
  ): Promise<DeleteResult>;
  search(request: SearchRequest): Promise<SearchResult<Row>>;
  query(request: QueryRequest): Promise<QueryResult<Row>>;
  count(request?: CountRequest): Promise<CountResult>;
  /** Resolves when all rows acknowledged before it stand in the object store. */
  flush(options?: CallOptions): Promise<void>;
  describe(options?: CallOptions): Promise<CollectionDescription>;
}

/** Large enough to pay, small enough that a message is quickly through. */
const partBytesMax = 1024 * 1024;
/** Of a message, for its headers and the other arguments. */
const overheadBytes = 4_096;
const patient = { patient: true };

export function openCollection<Row extends object>(
  context: Context,
  name: string,
  session: RememberedSession,
): Collection<Row> {
  const subject = (operation: string) => `${context.database}.${name}.${operation}`;
  const read = (operation: string, given: Arguments, view: ViewOptions) =>
    readRows(context, subject(operation), given, view, session);
  const write = (operation: string, argument: string, items: readonly unknown[], max: number) => {
    const target = { subject: subject(operation), argument, itemsMax: max };
    return (options: WriteOptions) => writeParts(context, target, items, options, session);
  };
  return {
    name,
    insert: (rows, options = {}) =>
      write("insert", "rows", rows.map(outgoingRow), rowsMax)(options),
    upsert: (rows, options = {}) =>
      write("upsert", "rows", rows.map(outgoingRow), rowsMax)(options),
    async delete(which, options = {}) {
      if ("ids" in which) {
        const { count, session } = await write("delete", "ids", which.ids, limitMax)(options);
        return { count, session };
      }
      const filter = { filter: which.filter };
      const reply = await call(context, subject("delete"), filter, options);
      learn(session, reply);
      return reply as unknown as DeleteResult;
    },
    async search({ ef, vector, vectors, limit, field, filter, outputFields, exact, ...view }) {
      const params = ef === undefined ? undefined : { ef };
      const queries =
        vectors === undefined
          ? { vector: outgoingVector(vector) }
          : { vector: outgoingVector(vector), vectors: vectors.map(outgoingVector) };
      const given = { limit, field, filter, outputFields, exact, params, ...queries };
      const reply = await read("search", given, view);
      const results = (reply.results as Reply[][]).map((hits) => hits.map(incomingHit<Row>));
      return { ...reply, results } as unknown as SearchResult<Row>;
    },
    async query({ filter, ids, limit, offset, outputFields, ...view }) {
      const reply = await read("query", { filter, ids, limit, offset, outputFields }, view);
      const rows = (reply.rows as unknown[]).map(incomingRow);
      return { ...reply, rows } as unknown as QueryResult<Row>;
    },
    async count({ filter, ...view } = {}) {
      return (await read("count", { filter }, view)) as unknown as CountResult;
    },
    async flush(options = {}) {
      await call(context, subject("flush"), {}, options, patient);
    },
    async describe(options = {}) {
      const reply = await call(context, subject("describe"), {}, options);
      return reply as unknown as CollectionDescription;
    },
  };
}

function incomingHit<Row>({ id, score, fields }: Reply): Hit<Row> {
  return { id, score, fields: incomingRow(fields ?? {}) } as Hit<Row>;
}

function learn(session: RememberedSession, reply: Reply): void {
  if (typeof reply.session === "string") session.learn(reply.session);
}

interface WriteTarget {
  readonly subject: string;
  readonly argument: "rows" | "ids" | string;
  readonly itemsMax: number;
}

/** One part after the other: of two rows with one key the later one must win. */
async function writeParts(
  context: Context,
  { subject, argument, itemsMax }: WriteTarget,
  items: readonly unknown[],
  options: WriteOptions,
  session: RememberedSession,
): Promise<InsertResult> {
  const envelope = envelopeOf(context, subject, options, { patient: false });
  const encode = (some: readonly unknown[], part: number) =>
    encodeBody({ [argument]: some, part }, envelope);
  const bytesMax = Math.min(partBytesMax, context.payloadBytesMax() - overheadBytes);
  let count = 0;
  let ids: InsertResult["ids"] = [];
  let written = "";
  for (const { body } of partsOf(items, encode, { itemsMax, bytesMax })) {
    const reply = await context.send({ body, ...envelope }).catch((error: unknown) => {
      throw error instanceof ElanusError ? error.withRowsWritten(count) : error;
    });
    const result = reply as unknown as InsertResult;
    count += result.count;
    if (result.ids !== undefined) ids = ids.length === 0 ? result.ids : ids.concat(result.ids);
    written = written === "" ? result.session : later(written, result.session);
    session.learn(result.session);
  }
  return { count, ids, session: written };
}

async function readRows(
  context: Context,
  subject: string,
  given: Arguments,
  options: ViewOptions,
  session: RememberedSession,
): Promise<Reply> {
  const { consistency, maxAgeMs, asOf } = options;
  const remembered = context.rememberSession && asOf === undefined ? session.token() : undefined;
  const view = { consistency, maxAgeMs, asOf, session: options.session ?? remembered };
  const asked = Object.assign({}, given, view);
  const reply = await call(context, subject, asked, options).catch((error) => {
    // The collection was dropped and made anew: what was remembered is of the old one.
    const stale = error instanceof ElanusError && error.code === "invalid-session";
    if (!stale || remembered === undefined || options.session !== undefined) throw error;
    session.forget();
    return call(context, subject, { ...given, ...view, session: undefined }, options);
  });
  learn(session, reply);
  return reply;
}
