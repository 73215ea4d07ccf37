// Ends a request: with its answer, or with a typed error.
import { clientError, type ErrorCode } from "../../contract/errors.js";
import { encodeError, encodeReply } from "../../contract/replies.js";
import { encodeToken, mergeTokens, type SessionToken } from "../../contract/session-token.js";
import type { ClientError } from "../../system/client-request.js";
import type { KnownCollection, ProxyState, Request } from "./state.js";

export function respond(state: ProxyState, request: Request, value: unknown): void {
  const { clientId, contentType } = request;
  const body = encodeReply(contentType, value);
  state.outbox.push({ kind: "respond", request: clientId, reply: { ok: true, body, contentType } });
  state.requests.delete(request.id);
}

export function refuse(state: ProxyState, request: Request, error: ClientError): void {
  const { clientId, contentType, requestId } = request;
  respondError(state, clientId, contentType, error, requestId);
  state.requests.delete(request.id);
}

export function respondError(
  state: ProxyState,
  clientId: string,
  contentType: "json" | "msgpack",
  error: ClientError,
  requestId: string,
): void {
  state.refused += 1;
  const body = encodeError(contentType, error, requestId);
  state.outbox.push({
    kind: "respond",
    request: clientId,
    reply: { ok: false, error, body, contentType },
  });
}

export function refuseWith(
  state: ProxyState,
  request: Request,
  code: ErrorCode,
  message: string,
  hint?: string,
): void {
  refuse(state, request, clientError(code, message, hint));
}

/** The token of this answer, joined with the one that the request brought. */
export function sessionOf(
  collection: KnownCollection,
  positions: ReadonlyMap<string, number>,
  brought: SessionToken | null,
): string {
  const { collectionId } = collection.record;
  const own: SessionToken = { collectionId, positions, revision: collection.revision };
  const merged = brought === null ? own : mergeTokens(brought, own);
  return encodeToken(merged ?? own);
}
