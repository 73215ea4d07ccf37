// Reduces the answers of all channels to the one that the client gets.
import type { CountCall, QueryCall, SearchCall } from "../../contract/calls.js";
import {
  type ContentType,
  type Output,
  type ResultRow,
  resolveOutput,
  rowReader,
  valueReader,
  withKey,
} from "../../contract/result-rows.js";
import type { SessionToken } from "../../contract/session-token.js";
import { toScore } from "../../index/distance.js";
import { toIso } from "../../log/timestamp.js";
import { keysOf, type RowBatch } from "../../rows/columns.js";
import { type CollectionSchema, type Key, type Metric, primaryKeyOf } from "../../rows/schema.js";
import { respond, sessionOf } from "./responding.js";
import type { DecodedReply, KnownCollection, ProxyState, ReadPart, Request } from "./state.js";

type Parts = ReadonlyMap<string, ReadPart>;

/** Answers a request, whose vectors begin at place `first` of those that were searched for. */
export type SearchResponder = (request: Request, call: SearchCall, first?: number) => void;

/**
 * For requests whose searches differ in nothing but the vector, whatever session they bring and
 * whatever they show of a row: what the channels have found is read once for all of them.
 */
export function searchResponder(
  state: ProxyState,
  collection: KnownCollection,
  asked: SearchCall,
  parts: Parts,
): SearchResponder {
  const { schema } = collection;
  const found = foundIn(parts, metricOf(asked, schema));
  const readings = new Map<string, ResultReader>();
  const facts = new Map<SessionToken | null, ReadFacts>();
  return (request, call, first = 0) => {
    const { contentType } = request;
    const resultAt = once(readings, JSON.stringify([contentType, call.outputFields]), () =>
      resultReader(found, schema, outputOf(call, schema), contentType),
    );
    const results = call.vectors.map((_, query) => resultAt(first + query, call.limit));
    const brought = broughtBy(call);
    const { session, readTimestamp } = once(facts, brought, () =>
      readFacts(brought, collection, parts),
    );
    respond(state, request, { results, session, readTimestamp });
  };
}

function once<Key, Value>(made: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = made.get(key);
  if (known !== undefined) return known;
  const fresh = make();
  made.set(key, fresh);
  return fresh;
}

interface ChannelHits {
  readonly batch: RowBatch | null;
  readonly distances: Float64Array;
  /** By query, where its hits begin; and where the last one's end. */
  readonly starts: readonly number[];
}

interface Found {
  readonly metric: Metric;
  readonly channels: readonly ChannelHits[];
}

function foundIn(parts: Parts, metric: Metric): Found {
  const channels = repliesOf(parts).flatMap((reply): readonly ChannelHits[] => {
    if (reply.kind !== "SearchChannelReply") return [];
    const starts = [0];
    for (const count of reply.counts) starts.push((starts.at(-1) ?? 0) + count);
    return [{ batch: reply.batch, distances: float64s(reply.distances), starts }];
  });
  return { metric, channels };
}

interface Hit {
  readonly distance: number;
  readonly row: number;
  readonly channel: { id(row: number): unknown; row(row: number): ResultRow };
}

/** The `limit` nearest to the query at a place. */
type ResultReader = (query: number, limit: number) => readonly unknown[];

function resultReader(
  { metric, channels }: Found,
  schema: CollectionSchema,
  output: Output,
  contentType: ContentType,
): ResultReader {
  const readable = channels.map(({ batch, distances, starts }) => {
    return { channel: readers(batch, schema, output, contentType), distances, starts };
  });
  const shown = ({ distance, row, channel }: Hit) => {
    const score = toScore(metric, distance);
    const id = channel.id(row);
    return output.columns.length === 0 ? { id, score } : { id, score, fields: channel.row(row) };
  };
  return (query, limit) => {
    const hits: Hit[] = [];
    for (const { channel, distances, starts } of readable) {
      const end = starts[query + 1] ?? 0;
      for (let row = starts[query] ?? 0; row < end; row += 1) {
        hits.push({ distance: distances[row] as number, row, channel });
      }
    }
    // A channel's own are in order.
    if (readable.length > 1) hits.sort((a, b) => a.distance - b.distance);
    return (hits.length > limit ? hits.slice(0, limit) : hits).map(shown);
  };
}

function readers(
  batch: RowBatch | null,
  schema: CollectionSchema,
  output: Output,
  contentType: ContentType,
) {
  if (batch === null) return { id: () => null, row: () => ({}) };
  const id = valueReader(batch, primaryKeyOf(schema).name, contentType);
  return { id, row: rowReader(batch, output, contentType) };
}

export function respondQuery(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  call: QueryCall,
  parts: Parts,
): void {
  const { schema } = collection;
  const output = withKey(outputOf(call, schema), schema);
  const found: { key: Key; row: () => ResultRow }[] = [];
  for (const reply of repliesOf(parts)) {
    const { batch } = reply;
    if (batch === null) continue;
    const read = rowReader(batch, output, request.contentType);
    keysOf(batch, primaryKeyOf(schema).name).forEach((key, row) => {
      found.push({ key, row: () => read(row) });
    });
  }
  found.sort((a, b) => (a.key < b.key ? -1 : 1));
  const rows = found.slice(call.offset, call.offset + call.limit).map(({ row }) => row());
  respond(state, request, { rows, ...readFacts(broughtBy(request.call), collection, parts) });
}

export function respondCount(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  _call: CountCall,
  parts: Parts,
): void {
  const count = countOf(parts);
  respond(state, request, { count, ...readFacts(broughtBy(request.call), collection, parts) });
}

export function countOf(parts: Parts): number {
  return repliesOf(parts).reduce(
    (sum, reply) => sum + (reply.kind === "QueryChannelReply" ? reply.count : 0),
    0,
  );
}

/** What a delete by filter found in each shard, and the position at which it looked. */
export function foundKeys(parts: Parts, { record, schema }: KnownCollection) {
  return record.channels.map((channel, shard) => {
    const reply = parts.get(channel)?.reply;
    const batch = reply?.batch ?? null;
    const keys = batch === null ? [] : keysOf(batch, primaryKeyOf(schema).name);
    return { channel, shard, keys, at: reply?.sequence ?? 0 };
  });
}

export function repliesOf(parts: Parts): DecodedReply[] {
  return [...parts.values()].flatMap(({ reply }) => reply ?? []);
}

/** The session that a read brought; one of the past is not joined with its answer's. */
function broughtBy(call: Request["call"]): SessionToken | null {
  const isSnapshot = "asOf" in call && call.asOf !== null;
  return "session" in call && !isSnapshot ? call.session : null;
}

interface ReadFacts {
  readonly session: string;
  readonly readTimestamp: string;
}

function readFacts(
  brought: SessionToken | null,
  collection: KnownCollection,
  parts: Parts,
): ReadFacts {
  const replies = repliesOf(parts);
  const positions = new Map(replies.map((reply) => [reply.channel, reply.sequence]));
  const session = sessionOf(collection, positions, brought);
  const timestamps = replies.map((reply) => reply.readTimestamp);
  const oldest = timestamps.reduce((a, b) => (a < b ? a : b), timestamps[0] ?? 0n);
  return { session, readTimestamp: toIso(oldest) };
}

function outputOf(call: SearchCall | QueryCall, schema: CollectionSchema): Output {
  const read = resolveOutput(call.outputFields, schema);
  if (!read.ok) throw new Error("the output fields were checked before the read was sent");
  return read.output;
}

function metricOf(call: SearchCall, schema: CollectionSchema) {
  const field = schema.fields.find(
    ({ name, type }) => type === "FloatVector" && (call.field === null || call.field === name),
  );
  if (field?.metric === undefined) throw new Error("a search over a field without a metric");
  return field.metric;
}

/** Copied: the bytes of a message start anywhere, float64 must start at a multiple of eight. */
function float64s(bytes: Uint8Array): Float64Array {
  return new Float64Array(new Uint8Array(bytes).buffer);
}
