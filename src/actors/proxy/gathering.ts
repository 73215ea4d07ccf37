// Searches that arrive together go to the replicas as one message: a lot, which costs all its
// members what a message costs.
import { maxAgeOf, type ReadCall, type SearchCall } from "../../contract/calls.js";
import type { MessageOf } from "../../messages/define.js";
import { SearchChannel } from "../../messages/query.js";
import type { SearchChannelReply } from "../../messages/reply.js";
import type { Now } from "../../system/actor.js";
import { applyReadReply, askReplicas, hedge } from "./asking.js";
import { type SearchResponder, searchResponder } from "./merging.js";
import { isReached } from "./reached.js";
import { failureOf, isComplete, prepareRead, searchKindOf, sendRead, viewOf } from "./reading.js";
import type { KnownCollection, Lot, ProxyState, ReadPart, Request, SearchFields } from "./state.js";

/** Fires when all that arrived in the same turn of the event loop was applied. */
export const gatherTimer = "gather";
/** Fewer would leave replicas without work while others have all of it. */
const lotsMin = 2;
/** The first vector of a lot is answered with its last. */
const membersMax = 64;
/** Hits of all members together, so that the answer to a lot fits into a message. */
const hitsMax = { withoutFields: 3_200, withFields: 320 };
/** Of all members: a server may take no more than a megabyte in a message. */
const vectorBytesMax = 512 * 1024;
/** What was too large together is not sent together again for a while. */
const apartMs = 60_000;
const apartMax = 1_000;

/** A request in hand whose search waits for others, or is on its way with them. */
interface Gathered {
  readonly request: Request;
  readonly collection: KnownCollection;
  readonly call: SearchCall;
  readonly search: SearchFields;
}

export function startRead(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  call: ReadCall,
  now: Now,
): void {
  const kind = prepareRead(state, request, collection, call);
  if (kind === null) return;
  const { search } = kind;
  if (call.operation !== "search" || search === null || !mayWait(state, call)) {
    return sendRead(state, request, collection, call, kind, now);
  }
  const group = groupOf(collection, call, search);
  if (isApart(state, group, now)) return sendRead(state, request, collection, call, kind, now);
  request.work = { kind: "gathered", call, search };
  gather(state, request, group);
}

/** Nobody waits while few are in flight: there is nothing to be gained then. */
function mayWait(state: ProxyState, call: SearchCall): boolean {
  if (state.requests.size < state.settings.gathersFrom) return false;
  const isSmall = call.vectors.length === 1 && call.limit <= hitsMax.withFields && !call.exact;
  // Nobody is to wait for positions that another one's session has made up.
  const isKnown = call.session === null || isReached(state, call.session);
  return isSmall && isKnown && call.asOf === null;
}

/**
 * All that searches of one message have in common. A strong one waits for all that was
 * acknowledged, whatever its session; others wait for nothing but their own.
 */
function groupOf({ record, revision }: KnownCollection, call: SearchCall, search: SearchFields) {
  const { field, filter, limit, ef, outputFields } = search;
  const maxAgeMs = maxAgeOf(call, record.settings.consistency);
  const positions = maxAgeMs === 0 ? [] : [...(call.session?.positions ?? [])];
  const of = [record.collectionId, revision, maxAgeMs, positions];
  return JSON.stringify([...of, field, filter, limit, ef, outputFields]);
}

function gather(state: ProxyState, { id }: Request, group: string): void {
  if (state.gathering.size === 0) {
    state.outbox.push({ kind: "timer", id: gatherTimer, afterMs: 0 });
  }
  const waiting = state.gathering.get(group);
  if (waiting === undefined) state.gathering.set(group, [id]);
  else waiting.push(id);
}

export function sendGathered(state: ProxyState, now: Now): void {
  const groups = [...state.gathering];
  state.gathering.clear();
  for (const [group, ids] of groups) {
    const waiting = ids.flatMap((id) => gatheredOf(state, id) ?? []);
    const size = lotSize(state, waiting);
    for (let first = 0; first < waiting.length; first += size) {
      sendLot(state, group, waiting.slice(first, first + size), now);
    }
  }
}

/** What is in flight is to be spread over the replicas, each of which takes one lot at a time. */
function lotSize(state: ProxyState, [first]: readonly Gathered[]): number {
  if (first === undefined) return membersMax;
  const { limit, outputFields, vectors } = first.search;
  const lots = Math.max(lotsMin, first.collection.record.settings.replicas);
  const hits = outputFields.length === 0 ? hitsMax.withoutFields : hitsMax.withFields;
  const fair = Math.ceil(state.requests.size / lots);
  const fitting = Math.floor(Math.min(hits / limit, vectorBytesMax / vectors.byteLength));
  return Math.max(1, Math.min(membersMax, fair, fitting));
}

/** Null for one whose deadline has passed. */
function gatheredOf(state: ProxyState, id: string): Gathered | null {
  const request = state.requests.get(id);
  if (request?.work.kind !== "gathered" || request.collection === null) return null;
  const { call, search } = request.work;
  return { request, collection: request.collection, call, search };
}

function sendLot(state: ProxyState, group: string, members: readonly Gathered[], now: Now): void {
  const [first, ...others] = members;
  if (first === undefined) return;
  if (others.length === 0) return sendAlone(state, first, now);
  const { search, collection } = first;
  const fields = Object.assign({}, search, {
    proxy: state.incarnation,
    request: String(state.nextId++),
    attempt: 0,
    deadlineMs: Math.max(...members.map(({ request }) => request.deadlineWallMs)),
    collectionId: collection.record.collectionId,
    vectors: Buffer.concat(members.map((member) => member.search.vectors)),
    count: members.length,
  });
  const parts = new Map<string, ReadPart>();
  for (const channel of collection.record.channels) {
    const message = SearchChannel.create({ channel, view: viewOfAll(members, channel), ...fields });
    askReplicas(state, parts, channel, message, now);
  }
  const ids = members.map(({ request }) => request.id);
  state.lots.set(fields.request, { group, members: ids, parts });
}

/** As young as all of them ask for, and as far as the furthest of their sessions. */
function viewOfAll(members: readonly Gathered[], channel: string) {
  const views = members.map(({ call, collection }) => viewOf(call, collection, channel));
  const [view] = views;
  if (view === undefined) throw new Error("a lot without a member");
  const positions = views.flatMap(({ sessionSequence }) => sessionSequence ?? []);
  return { ...view, sessionSequence: positions.length === 0 ? null : Math.max(...positions) };
}

function sendAlone(state: ProxyState, { request, collection, call, search }: Gathered, now: Now) {
  sendRead(state, request, collection, call, searchKindOf(search), now);
}

/** What felled a lot may be due to one of its members: each is asked for by itself then. */
export function applyToLot(
  state: ProxyState,
  reply: MessageOf<typeof SearchChannelReply>,
  now: Now,
): void {
  const lot = state.lots.get(reply.request);
  const part = lot?.parts.get(reply.channel);
  if (lot === undefined || part === undefined) return;
  if (!applyReadReply(state, part, reply, now) || !isComplete(lot.parts)) return;
  state.lots.delete(reply.request);
  const failure = failureOf(lot.parts);
  const isWhole = failure === null;
  if (failure?.code === "payload-too-large") keepApart(state, lot.group, now);
  let respond: SearchResponder | null = null;
  lot.members.forEach((id, place) => {
    const member = gatheredOf(state, id);
    if (member === null) return;
    if (!isWhole) {
      sendAlone(state, member, now);
      return;
    }
    const { request, collection, call } = member;
    respond ??= searchResponder(state, collection, call, lot.parts);
    respond(request, call, place);
  });
}

function keepApart(state: ProxyState, group: string, { monotonicMs }: Now): void {
  state.apart.delete(group);
  state.apart.set(group, monotonicMs + apartMs);
  const [oldest] = state.apart.keys();
  if (state.apart.size > apartMax && oldest !== undefined) state.apart.delete(oldest);
}

function isApart(state: ProxyState, group: string, { monotonicMs }: Now): boolean {
  return monotonicMs < (state.apart.get(group) ?? Number.NEGATIVE_INFINITY);
}

/** Also forgets those for which nobody waits any more. */
export function hedgeLots(state: ProxyState, now: Now): void {
  for (const [id, lot] of state.lots) {
    if (isAwaited(state, lot)) hedge(state, lot.parts, now);
    else state.lots.delete(id);
  }
}

function isAwaited(state: ProxyState, { members }: Lot): boolean {
  return members.some((id) => state.requests.has(id));
}
