// A proxy driven by hand, with what its tests ask of it and what they tell it.

import type { ProxyState } from "../../src/actors/proxy/state.js";
import { proxy } from "../../src/actors/proxy.js";
import type { QueryMessage } from "../../src/messages/query.js";
import { QueryChannelReply, SearchChannelReply } from "../../src/messages/reply.js";
import type { Effect } from "../../src/system/actor.js";
import type { ClientRequest } from "../../src/system/client-request.js";
import { Driven, every, one, published } from "./driven.js";
import { keyRows, recordEntry } from "./small-collection.js";

export type DrivenProxy = Driven<ProxyState>;
let requests = 0;

export function startedProxy(settings = {}): DrivenProxy {
  const limits = { requestsMax: 8, entryBytesMax: 2_000, channelBytesMax: 1e9, gathersFrom: 100 };
  const driven = new Driven<ProxyState>(proxy, { proxy: "host-1", ...limits, ...settings });
  driven.tell({ kind: "Started", incarnation: "p1" });
  return driven;
}

/** One that has read the collection's record already. */
export function proxyWith(record = recordEntry(), settings = {}): DrivenProxy {
  const driven = startedProxy(settings);
  const effects = ask(driven, "main.docs.count", {});
  driven.tell(recordRead(effects, record));
  driven.state.requests.clear();
  return driven;
}

export function recordRead(
  effects: readonly Effect[],
  entry: ReturnType<typeof recordEntry> | null,
) {
  const { id } = one(effects, "readMetadata");
  return { kind: "MetadataRead", id, result: { ok: true, entry } } as const;
}

/** A client's request; answers have the same id. */
export function ask(driven: DrivenProxy, subject: string, body: unknown, connection = 1): Effect[] {
  requests += 1;
  const request: ClientRequest = {
    id: `client-${requests}`,
    subject: subject.split("."),
    contentType: "json",
    body: Buffer.from(JSON.stringify(body)),
    connection,
  };
  return driven.tell({ kind: "ClientRequested", request });
}

/** What the client got: the body of the only answer among the effects. */
// biome-ignore lint/suspicious/noExplicitAny: bodies are compared with what they should hold.
export function answer(effects: readonly Effect[]): any {
  return JSON.parse(Buffer.from(one(effects, "respond").reply.body).toString("utf8"));
}

export function errorCode(effects: readonly Effect[]): string {
  return answer(effects).error.code;
}

export function acknowledge(
  driven: DrivenProxy,
  append: Extract<Effect, { kind: "append" }>,
  sequence: number,
  duplicate = false,
): Effect[] {
  return driven.tell({ kind: "Appended", id: append.id, sequence, duplicate });
}

export function appends(effects: readonly Effect[]) {
  return every(effects, "append").map((effect) => {
    if (!("channel" in effect.message)) throw new Error("an append without a channel");
    return { ...effect, channel: effect.message.channel };
  });
}

export function queries(effects: readonly Effect[]): QueryMessage[] {
  return published(effects).filter(
    (message): message is QueryMessage =>
      message.kind === "SearchChannel" || message.kind === "QueryChannel",
  );
}

/** A worker's answer to a query message: these keys, at this position. */
export function keysFound(message: QueryMessage, keys: readonly number[], sequence = 10) {
  const { proxy: to, request, channel, attempt } = message;
  const reply = QueryChannelReply.create({
    ...{ proxy: to, request, channel, attempt, failure: null, sequence },
    readTimestamp: 1n << 18n,
    count: keys.length,
    rows: keys.length === 0 ? null : keyRows(keys),
  });
  return { kind: "Announced", message: reply } as const;
}

export function hitsFound(message: QueryMessage, hits: readonly (readonly [number, number])[]) {
  const { proxy: to, request, channel, attempt } = message;
  const distances = Float64Array.from(hits.map(([, distance]) => distance));
  const reply = SearchChannelReply.create({
    ...{ proxy: to, request, channel, attempt, failure: null, sequence: 10 },
    readTimestamp: 1n << 18n,
    counts: [hits.length],
    distances: new Uint8Array(distances.buffer),
    rows: hits.length === 0 ? null : keyRows(hits.map(([key]) => key)),
  });
  return { kind: "Announced", message: reply } as const;
}

export function failed(message: QueryMessage, retryable: boolean, code = "unavailable") {
  const { proxy: to, request, channel, attempt } = message;
  const reply = QueryChannelReply.create({
    ...{ proxy: to, request, channel, attempt, sequence: 0, readTimestamp: 0n },
    failure: { code, message: "it does not go", retryable },
    count: 0,
    rows: null,
  });
  return { kind: "Announced", message: reply } as const;
}
