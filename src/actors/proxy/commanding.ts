// Hands requests to the owner of a fact (coordinator, data worker) and waits for their word.
import type {
  AlterCollectionCall,
  CreateCollectionCall,
  DrainCall,
  DropCollectionCall,
  FlushCall,
} from "../../contract/calls.js";
import { errorOfFailure } from "../../contract/errors.js";
import type { AnyMessage } from "../../messages/catalogue.js";
import {
  AlterCollection,
  CreateCollection,
  DrainHost,
  DropCollection,
  FlushChannel,
} from "../../messages/command.js";
import type { MessageOf } from "../../messages/define.js";
import type { CollectionReply, FlushReply, HostReply } from "../../messages/reply.js";
import type { Now } from "../../system/actor.js";
import { forgetCollection, keyOf } from "./collections.js";
import { refuse, refuseWith, respond } from "./responding.js";
import type { KnownCollection, ProxyState, Request, Work } from "./state.js";

/** A command whose publish was lost is published again, under the same id. */
const resendAfterMs = 1_000;

type CommandWork = Extract<Work, { kind: "command" }>;

function fieldsOf(state: ProxyState, request: Request) {
  return { proxy: state.incarnation, request: request.id, deadlineMs: request.deadlineWallMs };
}

export function startCreate(
  state: ProxyState,
  request: Request,
  call: CreateCollectionCall,
  now: Now,
): void {
  const { database, definition: collection } = call;
  const fields = { ...fieldsOf(state, request), requestId: request.requestId, database };
  const message = CreateCollection.create({ ...fields, collection });
  command(state, request, new Map([["", message]]), now);
}

export function startChange(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  call: DropCollectionCall | AlterCollectionCall,
  now: Now,
): void {
  const { database, collection: name } = call;
  const { collectionId } = collection.record;
  const { requestId } = request;
  const fields = { ...fieldsOf(state, request), requestId, database, name, collectionId };
  const message =
    call.operation === "drop-collection"
      ? DropCollection.create(fields)
      : AlterCollection.create({ ...fields, settings: mergedSettings(collection, call) });
  command(state, request, new Map([["", message]]), now);
}

function mergedSettings({ record }: KnownCollection, { change }: AlterCollectionCall) {
  const { thresholds, ...others } = change;
  if (thresholds === undefined) return others;
  return { ...others, thresholds: { ...record.settings.thresholds, ...thresholds } };
}

export function startDrain(state: ProxyState, request: Request, call: DrainCall, now: Now): void {
  const { host, draining, stops } = call;
  const { requestId } = request;
  const fields = { ...fieldsOf(state, request), requestId, host, draining, stops };
  command(state, request, new Map([["", DrainHost.create(fields)]]), now);
}

export function startFlush(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  _call: FlushCall,
  now: Now,
): void {
  const messages = collection.record.channels.map(
    (channel) => [channel, FlushChannel.create({ ...fieldsOf(state, request), channel })] as const,
  );
  command(state, request, new Map(messages), now);
}

function command(
  state: ProxyState,
  request: Request,
  messages: Map<string, AnyMessage>,
  now: Now,
): void {
  if (request.connection < state.connection) return refuseDisconnected(state, request);
  const work: CommandWork = { kind: "command", messages, sentAtMs: now.monotonicMs };
  request.work = work;
  publishAll(state, request, work);
}

/**
 * A command dies with the connection on which its request came: its client may have been told of
 * nothing, and have dropped or created the collection of that name through another proxy since.
 */
export function endCommandsOfOthers(state: ProxyState, connection: number): void {
  state.connection = Math.max(state.connection, connection);
  for (const request of state.requests.values()) {
    const hasEnded = request.connection < state.connection;
    if (hasEnded && request.work.kind === "command") refuseDisconnected(state, request);
  }
}

function refuseDisconnected(state: ProxyState, request: Request): void {
  const text = "the connection on which the request came has ended";
  refuseWith(state, request, "unavailable", text, "retry with the same requestId");
}

function publishAll(state: ProxyState, request: Request, work: CommandWork): void {
  for (const [channel, message] of work.messages) {
    const messageId = `${state.incarnation}-${request.id}-${channel}`;
    const { connection } = request;
    state.outbox.push({ kind: "publish", message, messageId, connection });
  }
}

export function resendCommand(
  state: ProxyState,
  request: Request,
  work: CommandWork,
  now: Now,
): void {
  if (now.monotonicMs - work.sentAtMs < resendAfterMs) return;
  work.sentAtMs = now.monotonicMs;
  publishAll(state, request, work);
}

export function applyCollectionReply(
  state: ProxyState,
  request: Request,
  reply: MessageOf<typeof CollectionReply>,
): void {
  forgetCollection(state, keyOf(request));
  if (reply.failure !== null) return refuse(state, request, errorOfFailure(reply.failure));
  const { call } = request;
  const name = "collection" in call ? call.collection : "";
  const collection = { name, collectionId: reply.collectionId };
  respond(state, request, { collection });
}

export function applyHostReply(
  state: ProxyState,
  request: Request,
  { failure }: MessageOf<typeof HostReply>,
): void {
  if (failure !== null) return refuse(state, request, errorOfFailure(failure));
  respond(state, request, { accepted: true });
}

export function applyFlushReply(
  state: ProxyState,
  request: Request,
  reply: MessageOf<typeof FlushReply>,
): void {
  if (request.work.kind !== "command") return;
  if (reply.failure !== null) return refuse(state, request, errorOfFailure(reply.failure));
  request.work.messages.delete(reply.channel);
  if (request.work.messages.size === 0) respond(state, request, { flushed: true });
}
