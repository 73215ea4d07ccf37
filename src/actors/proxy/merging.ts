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
import { toScore } from "../../index/distance.js";
import { toIso } from "../../log/timestamp.js";
import { keysOf, type RowBatch } from "../../rows/columns.js";
import { type CollectionSchema, type Key, primaryKeyOf } from "../../rows/schema.js";
import { respond, sessionOf } from "./responding.js";
import type { DecodedReply, KnownCollection, ProxyState, ReadPart, Request } from "./state.js";

type Parts = ReadonlyMap<string, ReadPart>;

/** `first`: at which place of the searches that went out together those of this request begin. */
export function respondSearch(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  call: SearchCall,
  parts: Parts,
  first = 0,
): void {
  const output = outputOf(call, collection.schema);
  const channels = repliesOf(parts).flatMap((reply) =>
    reply.kind === "SearchChannelReply" ? [channelHits(reply, collection, request, output)] : [],
  );
  const metric = metricOf(call, collection.schema);
  const results = call.vectors.map((_, query) => {
    const hits = channels.flatMap((channel) => channel.hitsOf(first + query));
    hits.sort((a, b) => a.distance - b.distance);
    return hits.slice(0, call.limit).map(({ distance, row, channel }) => {
      const score = toScore(metric, distance);
      const id = channel.id(row);
      return output.columns.length === 0 ? { id, score } : { id, score, fields: channel.row(row) };
    });
  });
  respond(state, request, { results, ...readFields(request, collection, parts) });
}

interface Hit {
  readonly distance: number;
  readonly row: number;
  readonly channel: { id(row: number): unknown; row(row: number): ResultRow };
}

function channelHits(
  reply: Extract<DecodedReply, { kind: "SearchChannelReply" }>,
  collection: KnownCollection,
  request: Request,
  output: Output,
) {
  const { batch } = reply;
  const distances = float64s(reply.distances);
  const channel = readers(batch, collection.schema, output, request.contentType);
  const starts = [0];
  for (const count of reply.counts) starts.push((starts.at(-1) ?? 0) + count);
  const hitsOf = (query: number): Hit[] =>
    Array.from({ length: reply.counts[query] ?? 0 }, (_, place) => {
      const row = (starts[query] ?? 0) + place;
      return { distance: distances[row] as number, row, channel };
    });
  return { hitsOf };
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
  respond(state, request, { rows, ...readFields(request, collection, parts) });
}

export function respondCount(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  _call: CountCall,
  parts: Parts,
): void {
  const count = countOf(parts);
  respond(state, request, { count, ...readFields(request, collection, parts) });
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

function readFields(request: Request, collection: KnownCollection, parts: Parts) {
  const replies = repliesOf(parts);
  const positions = new Map(replies.map((reply) => [reply.channel, reply.sequence]));
  const { call } = request;
  const brought = "session" in call ? call.session : null;
  const isSnapshot = "asOf" in call && call.asOf !== null;
  const session = sessionOf(collection, positions, isSnapshot ? null : brought);
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
