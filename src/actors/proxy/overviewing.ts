// Shows what there is: collections, hosts, actors, and the cause of anything that is not well.
import type { ListCollectionsCall, SystemCall } from "../../contract/calls.js";
import {
  type CollectionRecord,
  collectionRecord,
  parseRecord,
  type SessionRecord,
  sessionRecord,
} from "../../messages/records.js";
import type { MetadataEntry, Now } from "../../system/actor.js";
import { respond } from "./responding.js";
import { expect, type ProxyState, type Request } from "./state.js";

/** A host that has said nothing for longer than this is shown as silent. */
const silentAfterMs = 10_000;

export function startOverview(state: ProxyState, request: Request): void {
  const { call } = request;
  if (call.operation === "list-collections") {
    const prefix = `collections.${call.database}.`;
    const id = expect(state, { for: "list", request: request.id });
    state.outbox.push({ kind: "listMetadata", id, prefix });
    return;
  }
  const id = expect(state, { for: "sessions", request: request.id });
  state.outbox.push({ kind: "listMetadata", id, prefix: "sessions." });
}

export function applyCollections(
  state: ProxyState,
  request: Request,
  _call: ListCollectionsCall,
  entries: readonly MetadataEntry[],
): void {
  const records = entries.flatMap((entry) => {
    const parsed = parseRecord(collectionRecord, entry.value);
    return parsed.ok ? [parsed.record] : [];
  });
  const collections = records.filter((record) => record.state === "ready").map(summaryOf);
  respond(state, request, { collections });
}

function summaryOf({ name, collectionId, channels, settings, createdAtMs }: CollectionRecord) {
  const createdAt = new Date(createdAtMs).toISOString();
  return { name, collectionId, shards: channels.length, replicas: settings.replicas, createdAt };
}

export function applySessions(
  state: ProxyState,
  request: Request,
  call: SystemCall,
  entries: readonly MetadataEntry[],
  now: Now,
): void {
  const sessions = entries.map(({ key, value }) => ({ key, ...parseRecord(sessionRecord, value) }));
  const hosts = sessions.flatMap((session) => (session.ok ? [hostOf(session.record, now)] : []));
  const unreadable = sessions.flatMap((session) =>
    session.ok ? [] : [`${session.key} cannot be read: ${session.reason}`],
  );
  const causes = [...unreadable, ...hosts.flatMap((host) => causesOf(host))];
  const status = causes.length === 0 ? "ok" : "degraded";
  const proxy = { requests: state.requests.size, refused: state.refused };
  if (call.operation === "health") return respond(state, request, { status, causes, proxy });
  respond(state, request, { status, causes, hosts, proxy });
}

function hostOf(session: SessionRecord, now: Now) {
  const { host, pid, hostname, roles, startedAtMs, renewedAtMs, actors, drain = null } = session;
  const silentMs = Math.max(0, now.wallMs - renewedAtMs);
  const startedAt = new Date(startedAtMs).toISOString();
  return { host, pid, hostname, roles, startedAt, silentMs, actors, drain };
}

function causesOf({ host, silentMs, actors }: ReturnType<typeof hostOf>): string[] {
  if (silentMs > silentAfterMs) return [`${host} has been silent for ${Math.round(silentMs)} ms`];
  return actors.flatMap(({ actor, channel, cause }) =>
    cause === null ? [] : [`${host} ${actor}${channel === null ? "" : ` ${channel}`}: ${cause}`],
  );
}
