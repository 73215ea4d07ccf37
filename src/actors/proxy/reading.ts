// Makes of a client's read the messages to each channel's replicas.
import type { DeleteCall, ReadCall } from "../../contract/calls.js";
import { maxAgeOf } from "../../contract/calls.js";
import { clientError, errorOfFailure } from "../../contract/errors.js";
import { resolveOutput } from "../../contract/result-rows.js";
import { parseFilter } from "../../filter/parse.js";
import { fromMs } from "../../log/timestamp.js";
import {
  QueryChannel,
  type QueryMessage,
  type ReadView,
  SearchChannel,
} from "../../messages/query.js";
import { readKeys } from "../../rows/scalar-value.js";
import { type Field, primaryKeyOf, vectorFieldsOf } from "../../rows/schema.js";
import { readVectors } from "../../rows/vector-value.js";
import type { Now } from "../../system/actor.js";
import type { ClientError } from "../../system/client-request.js";
import { askReplicas } from "./asking.js";
import { refuse } from "./responding.js";
import type { KnownCollection, ProxyState, ReadPart, Request, SearchFields } from "./state.js";

/** Null when the request was refused. */
export function prepareRead(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  call: ReadCall,
): Kind | null {
  const invalid = filterError(call.filter, collection) ?? sessionError(call, collection);
  const kind = invalid === null ? kindOf(call, collection) : { ok: false as const, error: invalid };
  if (kind.ok) return kind;
  refuse(state, request, kind.error);
  return null;
}

export function sendRead(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  call: ReadCall,
  { create }: Kind,
  now: Now,
): void {
  const parts = new Map<string, ReadPart>();
  request.work = { kind: "read", call, parts };
  for (const channel of collection.record.channels) {
    const fields = { view: viewOf(call, collection, channel), ...common(state, request, channel) };
    askReplicas(state, parts, channel, create(fields), now);
  }
}

/** What a delete by filter will delete: its keys, as strongly read as can be. */
export function startFindingKeys(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  call: DeleteCall,
  now: Now,
): void {
  const invalid = filterError(call.filter, collection);
  if (invalid !== null) return refuse(state, request, invalid);
  const parts = new Map<string, ReadPart>();
  request.work = { kind: "read", call, parts };
  for (const channel of collection.record.channels) {
    const fields = { ...common(state, request, channel), view: strongView };
    const message = QueryChannel.create({
      ...fields,
      filter: call.filter,
      outputFields: [],
      ids: null,
      limit: null,
      mode: "keys",
    });
    askReplicas(state, parts, channel, message, now);
  }
}

const strongView: ReadView = {
  maxAgeMs: 0,
  sessionSequence: null,
  asOfTimestamp: null,
  asOfSequence: null,
};

/** The rows of a channel, counted, for `describe`. */
export function countPart(
  state: ProxyState,
  request: Request,
  parts: Map<string, ReadPart>,
  channel: string,
  now: Now,
): void {
  const fields = { ...common(state, request, channel), view: { ...strongView, maxAgeMs: null } };
  askReplicas(state, parts, channel, countMessage(fields, null), now);
}

type CommonFields = ReturnType<typeof common> & { view: ReadView };

function common(state: ProxyState, request: Request, channel: string) {
  return {
    channel,
    proxy: state.incarnation,
    request: request.id,
    attempt: 0,
    deadlineMs: request.deadlineWallMs,
    collectionId: request.collection?.record.collectionId ?? "",
  };
}

function countMessage(fields: CommonFields, filter: string | null) {
  const nothing = { outputFields: [], ids: null, limit: 0 };
  return QueryChannel.create({ ...fields, ...nothing, filter, mode: "count" });
}

/** How the message to a channel is made; `search` is what a search has for all channels. */
export interface Kind {
  readonly ok: true;
  readonly search: SearchFields | null;
  create(fields: CommonFields): QueryMessage;
}
type KindRead = Kind | { ok: false; error: ClientError };

function kindOf(call: ReadCall, collection: KnownCollection): KindRead {
  const { filter } = call;
  if (call.operation === "count")
    return { ok: true, search: null, create: (fields) => countMessage(fields, filter) };
  const output = resolveOutput(call.outputFields, collection.schema);
  if (!output.ok) return output;
  const outputFields = [...output.output.columns];
  if (call.operation === "search") return searchKind(call, collection, outputFields);
  const keyField = primaryKeyOf(collection.schema);
  const keys = call.ids === null ? null : readKeys(call.ids, keyField);
  if (keys !== null && !keys.ok) return keys;
  const ids = keys === null ? null : [...keys.keys];
  const limit = call.limit + call.offset;
  return {
    ok: true,
    search: null,
    create: (fields) =>
      QueryChannel.create({ filter, outputFields, ids, limit, mode: "rows", ...fields }),
  };
}

function searchKind(
  call: Extract<ReadCall, { operation: "search" }>,
  collection: KnownCollection,
  outputFields: string[],
): KindRead {
  const field = vectorField(call.field, collection);
  if (!field.ok) return field;
  const { name, dimension = 0 } = field.field;
  const read = readVectors(call.vectors, dimension);
  if (!read.ok) return read;
  const { bytes: vectors } = read;
  const { filter, limit, ef, exact } = call;
  const count = call.vectors.length;
  const search = { filter, limit, ef, exact, outputFields, field: name, vectors, count };
  return searchKindOf(search);
}

export function searchKindOf(search: SearchFields): Kind {
  return {
    ok: true,
    search,
    create: (fields) => SearchChannel.create(Object.assign({}, fields, search)),
  };
}

type FieldFound = { ok: true; field: Field } | { ok: false; error: ClientError };

function vectorField(name: string | null, collection: KnownCollection): FieldFound {
  const fields = vectorFieldsOf(collection.schema);
  const names = fields.map((field) => field.name).join(", ");
  const field = name === null ? fields[0] : fields.find((candidate) => candidate.name === name);
  if (name === null && fields.length > 1) {
    const text = `the collection has several vector fields: name one of ${names}`;
    return { ok: false, error: clientError("missing-field", text) };
  }
  if (field !== undefined) return { ok: true, field };
  const error = clientError("unknown-field", `'${name}' is no vector field`, `there is ${names}`);
  return { ok: false, error };
}

function filterError(filter: string | null, collection: KnownCollection): ClientError | null {
  if (filter === null) return null;
  const parsed = parseFilter(filter, collection.schema);
  return parsed.ok ? null : clientError("invalid-filter", parsed.message, parsed.hint);
}

function sessionError(call: ReadCall, { record }: KnownCollection): ClientError | null {
  const tokens = [call.session, call.asOf?.kind === "session" ? call.asOf.token : null];
  for (const token of tokens) {
    if (token === null) continue;
    const foreign = [...token.positions.keys()].some((name) => !record.channels.includes(name));
    if (token.collectionId !== record.collectionId || foreign) {
      return clientError("invalid-session", "the session token is of another collection");
    }
  }
  const asOf = tokens[1];
  if (!asOf || record.channels.every((channel) => asOf.positions.has(channel))) return null;
  const hint = "take the token of a read, which names every shard";
  return clientError("invalid-session", "as a snapshot the token lacks a shard", hint);
}

export function viewOf(call: ReadCall, { record }: KnownCollection, channel: string): ReadView {
  const sessionSequence = call.session?.positions.get(channel) ?? null;
  const { asOf } = call;
  if (asOf?.kind === "time") {
    const asOfTimestamp = fromMs(asOf.epochMs + 1) - 1n;
    return { maxAgeMs: null, sessionSequence, asOfTimestamp, asOfSequence: null };
  }
  if (asOf?.kind === "session") {
    const asOfSequence = asOf.token.positions.get(channel) ?? 0;
    return { maxAgeMs: null, sessionSequence, asOfTimestamp: null, asOfSequence };
  }
  const maxAgeMs = maxAgeOf(call, record.settings.consistency);
  return { maxAgeMs, sessionSequence, asOfTimestamp: null, asOfSequence: null };
}

export function failureOf(parts: ReadonlyMap<string, ReadPart>): ClientError | null {
  for (const { reply } of parts.values()) {
    if (reply?.failure) return errorOfFailure(reply.failure);
  }
  return null;
}

export function isComplete(parts: ReadonlyMap<string, ReadPart>): boolean {
  return [...parts.values()].every((part) => part.reply !== null);
}
