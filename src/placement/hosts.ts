// Which hosts live, as far as one watcher can tell: those whose sessions it has seen change.
import {
  type HostRecord,
  hostRecord,
  isToDrain,
  parseRecord,
  type Role,
  type SessionRecord,
  sessionRecord,
} from "../messages/records.js";
import type { MetadataEntry } from "../system/actor.js";

export interface HostSeen {
  readonly key: string;
  readonly session: SessionRecord;
  readonly revision: number;
  /** How long the revision has stood still, of the time in which the watcher looked. */
  readonly silentMs: number;
  /** At which look it had moved, monotonic ms; never, while it stands as at the first look. */
  readonly movedAtMs: number;
}

export interface Hosts {
  readonly ttlMs: number;
  readonly seen: Map<string, HostSeen>;
  /** What operators want of hosts, by name. */
  readonly wishes: Map<string, HostRecord>;
  lastListMs: number | null;
}

/** Sessions are written, and looked at, three times a TTL. */
const lateAfterPart = 0.5;

export function createHosts(ttlMs: number): Hosts {
  return { ttlMs, seen: new Map(), wishes: new Map(), lastListMs: null };
}

/**
 * Takes in a list of all sessions. A time in which the watcher could not look counts only for as
 * long as a look is due: while the metadata store is away no host can renew its session either.
 * With the third before the outage, and what a host takes to renew after it, that is below the TTL.
 */
export function observeSessions(
  hosts: Hosts,
  entries: readonly MetadataEntry[],
  monotonicMs: number,
): void {
  const lookAtMs = hosts.lastListMs === null ? Number.NEGATIVE_INFINITY : monotonicMs;
  const sinceLast = hosts.lastListMs === null ? 0 : monotonicMs - hosts.lastListMs;
  const watchedMs = Math.min(sinceLast, hosts.ttlMs / 3);
  hosts.lastListMs = monotonicMs;
  const before = new Map([...hosts.seen.values()].map((seen) => [seen.key, seen]));
  hosts.seen.clear();
  for (const entry of entries) {
    const last = before.get(entry.key);
    const isSame = last?.revision === entry.revision;
    const session = isSame ? last.session : sessionIn(entry);
    if (session === null) continue;
    const silentMs = isSame ? last.silentMs + watchedMs : 0;
    const movedAtMs = isSame ? last.movedAtMs : lookAtMs;
    const { key, revision } = entry;
    hosts.seen.set(session.host, { key, session, revision, silentMs, movedAtMs });
  }
}

function sessionIn({ value }: MetadataEntry): SessionRecord | null {
  const parsed = parseRecord(sessionRecord, value);
  return parsed.ok ? parsed.record : null;
}

/** Takes in a list of all wishes; one that cannot be read is none. */
export function observeWishes(hosts: Hosts, entries: readonly MetadataEntry[]): void {
  hosts.wishes.clear();
  for (const { value } of entries) {
    const parsed = parseRecord(hostRecord, value);
    if (parsed.ok) hosts.wishes.set(parsed.record.host, parsed.record);
  }
}

/** The hosts of a role that live, by name. */
export function livingHosts(hosts: Hosts, role: Role): string[] {
  return [...hosts.seen.values()]
    .filter((host) => isLiving(hosts, host) && host.session.roles.includes(role))
    .map((host) => host.session.host)
    .sort();
}

/** Those of a role that live and are not about to leave: they may be given something. */
export function stayingHosts(hosts: Hosts, role: Role): string[] {
  return livingHosts(hosts, role).filter((name) => !isLeaving(hosts, name));
}

/** The roles of all others who live and have not said that they leave. */
export function rolesOfStaying(hosts: Hosts, self: string): ReadonlySet<Role> {
  const staying = [...hosts.seen.values()].filter(
    (host) => host.session.host !== self && !host.session.drain && isLiving(hosts, host),
  );
  return new Set(staying.flatMap(({ session }) => session.roles));
}

function isLeaving(hosts: Hosts, name: string): boolean {
  const session = hosts.seen.get(name)?.session;
  if (session === undefined) return false;
  const wish = hosts.wishes.get(name);
  return Boolean(session.drain) || (wish !== undefined && isToDrain(wish, session));
}

export function isLiving(hosts: Hosts, host: HostSeen): boolean {
  return host.silentMs < hosts.ttlMs;
}

/**
 * Where a channel is served: what the hosts say of their own query workers. `lately`: by hosts that
 * were heard of lately, since the word of one that has died stands until its session goes.
 */
export function servedChannels(hosts: Hosts, { lately }: { lately: boolean }): Set<string> {
  const served = new Set<string>();
  for (const { session, movedAtMs } of hosts.seen.values()) {
    if (lately && (hosts.lastListMs ?? 0) - movedAtMs > hosts.ttlMs * lateAfterPart) continue;
    for (const { actor, channel, phase } of session.actors) {
      if (actor !== "query-worker" || phase !== "serving" || channel === null) continue;
      served.add(servedName(channel, session.host));
    }
  }
  return served;
}

export function servedName(channel: string, host: string): string {
  return `${channel}@${host}`;
}
