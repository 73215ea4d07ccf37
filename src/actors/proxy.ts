// Takes clients' requests in: validates, routes by key, waits for the log or the workers, answers.
import { clientError } from "../contract/errors.js";
import { parseRequest } from "../contract/requests.js";
import type { AnyMessage } from "../messages/catalogue.js";
import {
  AllocateTimestamp,
  AlterCollection,
  CreateCollection,
  DrainHost,
  DropCollection,
  FlushChannel,
} from "../messages/command.js";
import { ChannelMeasured, CollectionChanged } from "../messages/control.js";
import { queryMessages } from "../messages/query.js";
import { replyMessages } from "../messages/reply.js";
import { RowsDeleted, RowsInserted, RowsUpserted } from "../messages/wal.js";
import { defineActor, type Effect, type Now, type Outcome } from "../system/actor.js";
import type { ClientRequest } from "../system/client-request.js";
import { applyReadReply, askAnew, hedge, readPartsOf } from "./proxy/asking.js";
import {
  applyCollection,
  findCollection,
  forgetCollection,
  keyOf,
  refuseUnknown,
  remember,
} from "./proxy/collections.js";
import {
  applyCollectionReply,
  applyFlushReply,
  applyHostReply,
  endCommandsOfOthers,
  resendCommand,
  startChange,
  startCreate,
  startDrain,
  startFlush,
} from "./proxy/commanding.js";
import {
  applyGrowing,
  applyRoot,
  finishDescribe,
  settle,
  startDescribe,
} from "./proxy/describing.js";
import { applyToLot, gatherTimer, hedgeLots, sendGathered, startRead } from "./proxy/gathering.js";
import { foundKeys, respondCount, respondQuery, searchResponder } from "./proxy/merging.js";
import { applyCollections, applySessions, startOverview } from "./proxy/overviewing.js";
import { applyMeasured, isLetIn, takePaced } from "./proxy/pacing.js";
import { failureOf, isComplete, startFindingKeys } from "./proxy/reading.js";
import { refuse, refuseWith, respondError } from "./proxy/responding.js";
import { applyTimestamp } from "./proxy/stamping.js";
import {
  expect,
  initialState,
  type KnownCollection,
  type ProxySettings,
  type ProxyState,
  type ReadPart,
  type ReadReply,
  type Request,
} from "./proxy/state.js";
import {
  applyAppended,
  applyAppendFailed,
  applyOriginal,
  startDeleteByIds,
  startDeleteOfFound,
  startInsert,
} from "./proxy/writing.js";

/** How often deadlines and hedges are looked at while requests are in flight. */
const sweepMs = 50;

function apply(state: ProxyState, outcome: Outcome, now: Now): void {
  switch (outcome.kind) {
    case "Started":
      return start(state, outcome.incarnation);
    case "Stopping":
      state.stopping = true;
      return;
    case "ClientRequested":
      return applyClientRequest(state, outcome.request, now);
    case "Announced":
      return applyMessage(state, outcome.message, now);
    case "TimerFired":
      return outcome.id === gatherTimer ? sendGathered(state, now) : sweep(state, now);
    case "Reconnected":
      endCommandsOfOthers(state, outcome.connection);
      return askAnew(state, now);
    default:
      return applyExpected(state, outcome, now);
  }
}

function start(state: ProxyState, incarnation: string): void {
  state.incarnation = incarnation;
  state.outbox.push(
    { kind: "listen", definitions: [CollectionChanged, ChannelMeasured], token: null, from: "new" },
    { kind: "listen", definitions: replyMessages, token: incarnation, from: "new" },
  );
}

function applyClientRequest(state: ProxyState, asked: ClientRequest, now: Now): void {
  const { id: clientId, contentType, connection } = asked;
  if (state.requests.size >= state.settings.requestsMax || state.stopping) {
    const code = state.stopping ? "unavailable" : "overloaded";
    const error = clientError(code, "this proxy takes no more requests now", "retry, with a pause");
    return respondError(state, clientId, contentType, error, clientId);
  }
  const parsed = parseRequest(asked);
  if (!parsed.ok) return respondError(state, clientId, contentType, parsed.error, clientId);
  const { call } = parsed;
  state.connection = Math.max(state.connection, connection);
  const id = String(state.nextId++);
  const request: Request = {
    id,
    clientId,
    contentType,
    connection,
    call,
    requestId: call.requestId ?? `${state.incarnation}-${id}`,
    arrivedAtMs: now.monotonicMs,
    deadlineMonotonicMs: now.monotonicMs + call.timeoutMs,
    deadlineWallMs: now.wallMs + call.timeoutMs,
    collection: null,
    work: { kind: "waiting" },
  };
  state.requests.set(id, request);
  route(state, request, now);
}

/** Requests that need a collection wait for its record; the others start at once. */
function route(state: ProxyState, request: Request, now: Now): void {
  const { call } = request;
  switch (call.operation) {
    case "create-collection":
      return startCreate(state, request, call, now);
    case "list-collections":
    case "health":
    case "cluster":
      return startOverview(state, request);
    case "drain":
      return startDrain(state, request, call, now);
    case "drop-collection":
    case "alter-collection":
      return readFresh(state, request);
    default: {
      const collection = findCollection(state, request, now);
      if (collection === null) return;
      // The token knows of a later record, perhaps of another collection with this name.
      if (sessionRevision(call) > collection.revision) return readFresh(state, request);
      startCall(state, request, collection, now);
    }
  }
}

function readFresh(state: ProxyState, request: Request): void {
  const id = expect(state, { for: "fresh-collection", request: request.id });
  state.outbox.push({ kind: "readMetadata", id, key: keyOf(request) });
}

function sessionRevision(call: Request["call"]): number {
  const session = "session" in call ? (call.session?.revision ?? 0) : 0;
  const asOf = "asOf" in call && call.asOf?.kind === "session" ? call.asOf.token.revision : 0;
  return Math.max(session, asOf);
}

function startCall(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  now: Now,
): void {
  request.collection = collection;
  const { call } = request;
  if (!isLetIn(state, request, collection, now)) return;
  switch (call.operation) {
    case "insert":
    case "upsert":
      return startInsert(state, request, collection, call, now);
    case "delete":
      if (call.filter !== null) return startFindingKeys(state, request, collection, call, now);
      return startDeleteByIds(state, request, collection, call, now);
    case "search":
    case "query":
    case "count":
      return startRead(state, request, collection, call, now);
    case "flush":
      return startFlush(state, request, collection, call, now);
    case "describe-collection":
      return startDescribe(state, request, collection, now);
    case "drop-collection":
    case "alter-collection":
      return startChange(state, request, collection, call, now);
  }
}

function resumePaced(state: ProxyState, now: Now): void {
  for (const request of takePaced(state, now)) {
    if (request.collection) startCall(state, request, request.collection, now);
  }
}

function applyMessage(state: ProxyState, message: AnyMessage, now: Now): void {
  if (message.kind === "CollectionChanged") return forgetCollection(state, message.metadataKey);
  if (message.kind === "ChannelMeasured") {
    applyMeasured(state, message, now);
    return resumePaced(state, now);
  }
  if (message.kind === "TimestampReply") return applyTimestamp(state, message.timestamp, now);
  if (!("request" in message)) return;
  const request = state.requests.get(message.request);
  if (request === undefined) {
    if (message.kind === "SearchChannelReply") applyToLot(state, message, now);
    return;
  }
  if (message.kind === "CollectionReply") applyCollectionReply(state, request, message);
  if (message.kind === "HostReply") applyHostReply(state, request, message);
  if (message.kind === "FlushReply") applyFlushReply(state, request, message);
  if (message.kind === "SearchChannelReply" || message.kind === "QueryChannelReply") {
    applyRead(state, request, message, now);
  }
}

function applyRead(state: ProxyState, request: Request, reply: ReadReply, now: Now): void {
  const parts = readPartsOf(request);
  const part = parts?.get(reply.channel);
  if (parts === null || part === undefined) return;
  if (!applyReadReply(state, part, reply, now)) return;
  if (!isComplete(parts)) return;
  const failure = failureOf(parts);
  if (failure !== null) return refuse(state, request, failure);
  finishRead(state, request, parts, now);
}

function finishRead(
  state: ProxyState,
  request: Request,
  parts: Map<string, ReadPart>,
  now: Now,
): void {
  const { call, collection } = request;
  if (collection === null) throw new Error("a read without its collection");
  switch (call.operation) {
    case "search":
      return searchResponder(state, collection, call, parts)(request, call);
    case "query":
      return respondQuery(state, request, collection, call, parts);
    case "count":
      return respondCount(state, request, collection, call, parts);
    case "delete":
      return startDeleteOfFound(state, request, call, foundKeys(parts, collection), now);
    default:
      return finishDescribe(state, request);
  }
}

function applyExpected(state: ProxyState, outcome: Outcome, now: Now): void {
  if (!("id" in outcome)) return;
  const purpose = state.pending.get(outcome.id);
  if (purpose === undefined) return;
  state.pending.delete(outcome.id);
  if (purpose.for === "collection") {
    if (outcome.kind !== "MetadataRead") return;
    for (const request of applyCollection(state, purpose.key, outcome.result, now)) {
      route(state, request, now);
    }
    return;
  }
  const request = state.requests.get(purpose.request);
  if (request === undefined) return;
  switch (outcome.kind) {
    case "Appended":
      if (purpose.for === "append") applyAppended(state, request, purpose.channel, outcome);
      return;
    case "AppendFailed":
      return applyAppendFailed(state, request, outcome.reason, outcome.detail);
    case "EntryRead":
      if (purpose.for === "original") {
        applyOriginal(state, request, purpose.channel, outcome.entry);
      }
      return;
    case "MetadataRead":
      if (!outcome.result.ok)
        return refuseWith(state, request, "unavailable", outcome.result.detail);
      if (purpose.for === "root") {
        applyRoot(state, request, purpose.channel, outcome.result.entry);
      }
      if (purpose.for === "fresh-collection") {
        const known = remember(state, keyOf(request), outcome.result.entry, now);
        if (known.ok) startCall(state, request, known.collection, now);
        else refuseUnknown(state, request, known.damage);
      }
      return;
    case "MetadataListed":
      if (!outcome.result.ok)
        return refuseWith(state, request, "unavailable", outcome.result.detail);
      return applyListed(state, request, outcome.result.entries, now);
    case "ObjectRead":
      if (purpose.for !== "manifest") return;
      return settle(
        state,
        request,
        purpose.channel,
        outcome.result.ok ? outcome.result.bytes : null,
      );
  }
}

function applyListed(
  state: ProxyState,
  request: Request,
  entries: Parameters<typeof applyGrowing>[2],
  now: Now,
): void {
  const { call } = request;
  if (call.operation === "list-collections") return applyCollections(state, request, call, entries);
  if (call.operation === "health" || call.operation === "cluster") {
    return applySessions(state, request, call, entries, now);
  }
  applyGrowing(state, request, entries);
}

function sweep(state: ProxyState, now: Now): void {
  state.sweeping = false;
  resumePaced(state, now);
  for (const request of state.requests.values()) {
    if (now.monotonicMs >= request.deadlineMonotonicMs) {
      const text = "no complete answer by the deadline";
      const hint = "retry; a write with the same requestId is not done twice";
      refuseWith(state, request, "deadline-exceeded", text, hint);
      continue;
    }
    if (request.work.kind === "command") resendCommand(state, request, request.work, now);
    const parts = readPartsOf(request);
    if (parts !== null) hedge(state, parts, now);
  }
  hedgeLots(state, now);
}

function decide(state: ProxyState, _now: Now): readonly Effect[] {
  if (state.requests.size > 0 && !state.sweeping) {
    state.sweeping = true;
    state.outbox.push({ kind: "timer", id: "sweep", afterMs: sweepMs });
  }
  const effects = state.outbox;
  state.outbox = [];
  return effects;
}

export const proxy = defineActor<ProxySettings, ProxyState>({
  name: "proxy",
  accepts: [...replyMessages, CollectionChanged, ChannelMeasured],
  emits: [
    RowsInserted,
    RowsUpserted,
    RowsDeleted,
    ...queryMessages,
    CreateCollection,
    DropCollection,
    AlterCollection,
    DrainHost,
    FlushChannel,
    AllocateTimestamp,
  ],
  initial: initialState,
  apply,
  decide,
  status: (state) => ({
    phase: state.stopping ? "stopping" : "serving",
    cause: null,
    figures: {
      requests: state.requests.size,
      refused: state.refused,
      paced: state.paced.size,
      collections: state.collections.size,
    },
  }),
});
