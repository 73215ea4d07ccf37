// Which of several actors of a role acts: a record that the leader renews and the others watch.
import { LeadershipFreed } from "../messages/control.js";
import { encodeRecord, type LeaderRecord, leaderRecord, parseRecord } from "../messages/records.js";
import type { Effect, MetadataEntry, Now, Outcome } from "../system/actor.js";

export interface LeaderSettings {
  readonly role: "coordinator" | "oracle";
  readonly host: string;
  /** How long a leader may be silent before another takes over. */
  readonly ttlMs: number;
}

/** How often in a TTL those who stand by look; and just when the leader's silence is over. */
const looksPerTtl = 6;
/** A leader stops this part of the TTL before another may begin: clocks differ, effects fly. */
const marginPart = 0.2;
const givenUp = -1;

export type LeaderPhase = "starting" | "standby" | "taking" | "leading" | "lost" | "ended";

/** What is written again, byte for byte, until it is known what became of it. */
interface Attempt {
  readonly record: LeaderRecord;
  readonly revision: number | null;
  /** Of the first try: the lease of a late success counts from there. */
  readonly sentAtMs: number;
}

export interface Leadership {
  readonly settings: LeaderSettings;
  incarnation: string;
  phase: LeaderPhase;
  /** Why it cannot tell who leads, or why it stopped. */
  cause: string | null;
  /** Of this leader, while it leads. */
  epoch: number;
  /** The record as it was last seen or written; `sinceMs`: since when no other was seen. */
  seen: { record: LeaderRecord | null; revision: number | null; sinceMs: number };
  attempt: Attempt | null;
  leaseUntilMs: number;
  /** The effect that is under way. */
  inHand: string | null;
  timer: string | null;
  due: boolean;
  leaving: boolean;
  /** Whether it hears of leaders that give the role up, and has said so itself. */
  isListening: boolean;
  hasFreed: boolean;
  /** For the operator's log: leadership changed hands. */
  news: string | null;
  nextId: number;
}

export function createLeadership(settings: LeaderSettings): Leadership {
  return {
    settings,
    incarnation: "",
    phase: "starting",
    cause: null,
    epoch: 0,
    seen: { record: null, revision: null, sinceMs: Number.POSITIVE_INFINITY },
    attempt: null,
    leaseUntilMs: Number.NEGATIVE_INFINITY,
    inHand: null,
    timer: null,
    due: true,
    leaving: false,
    isListening: false,
    hasFreed: false,
    news: null,
    nextId: 1,
  };
}

/** Whether it may do what only the leader does; asked again for every effect. */
export function isActing(leadership: Leadership, now: Now): boolean {
  const { phase, leaving, leaseUntilMs } = leadership;
  return phase === "leading" && !leaving && now.monotonicMs < leaseUntilMs;
}

/** Takes in what concerns the leadership; the outcomes of its own effects are nobody else's. */
export function applyLeadership(leadership: Leadership, outcome: Outcome, now: Now): void {
  switch (outcome.kind) {
    case "Started":
      leadership.incarnation = outcome.incarnation;
      leadership.phase = "standby";
      return;
    case "TimerFired":
      if (outcome.id !== leadership.timer) return;
      leadership.timer = null;
      leadership.due = true;
      return;
    case "Announced":
      if (outcome.message.kind !== LeadershipFreed.kind) return;
      leadership.due ||= leadership.phase === "standby";
      return;
    case "MetadataRead":
      if (!isOwn(leadership, outcome.id)) return;
      if (outcome.result.ok) return applySeen(leadership, outcome.result.entry, now);
      leadership.cause = `the metadata store is away: ${outcome.result.detail}`;
      return;
    case "MetadataWritten":
      if (isOwn(leadership, outcome.id)) applyWritten(leadership, outcome.result, now);
      return;
    default:
      return;
  }
}

function isOwn(leadership: Leadership, id: string): boolean {
  if (leadership.inHand !== id) return false;
  leadership.inHand = null;
  return true;
}

function applySeen(leadership: Leadership, entry: MetadataEntry | null, now: Now): void {
  leadership.cause = null;
  const revision = entry?.revision ?? null;
  const since = leadership.seen.revision === revision ? leadership.seen.sinceMs : now.monotonicMs;
  const sinceMs = Math.min(since, now.monotonicMs);
  if (entry === null) {
    leadership.seen = { record: leadership.seen.record, revision: null, sinceMs };
    return startTaking(leadership, now);
  }
  const parsed = parseRecord(leaderRecord, entry.value);
  if (!parsed.ok) {
    leadership.cause = `the record of the leader cannot be read: ${parsed.reason}`;
    return;
  }
  leadership.seen = { record: parsed.record, revision, sinceMs };
  const isSilent = now.monotonicMs - sinceMs >= leadership.settings.ttlMs;
  if (isSilent || parsed.record.renewal === givenUp) startTaking(leadership, now);
}

/** The compare-and-set lets one of all who try at once pass; its epoch was never used before. */
function startTaking(leadership: Leadership, now: Now): void {
  if (leadership.phase !== "standby" || leadership.leaving) return;
  const epoch = (leadership.seen.record?.epoch ?? 0) + 1;
  leadership.phase = "taking";
  leadership.attempt = attemptOf(leadership, epoch, 0, now);
  leadership.due = true;
}

function attemptOf(leadership: Leadership, epoch: number, renewal: number, now: Now): Attempt {
  const { incarnation, settings, seen } = leadership;
  const record = { version: 1 as const, holder: settings.host, incarnation, epoch, renewal };
  return { record, revision: seen.revision, sentAtMs: now.monotonicMs };
}

type Written = Extract<Outcome, { kind: "MetadataWritten" }>["result"];

function applyWritten(leadership: Leadership, result: Written, now: Now): void {
  const { attempt, phase } = leadership;
  if (attempt === null) throw new Error("a leader's record was written without an attempt");
  // A success that comes too late does not bring back what was lost.
  if (phase !== "taking" && phase !== "leading") return;
  if (!result.ok && result.reason === "unavailable") {
    leadership.cause = `the metadata store is away: ${result.detail}`;
    return;
  }
  leadership.attempt = null;
  if (!result.ok) return applyConflict(leadership);
  leadership.cause = null;
  const { record } = attempt;
  leadership.seen = { record, revision: result.revision, sinceMs: now.monotonicMs };
  if (record.renewal === givenUp) {
    leadership.phase = "ended";
    leadership.hasFreed = true;
    return;
  }
  if (leadership.phase === "taking") leadership.news = `leads with epoch ${record.epoch}`;
  leadership.phase = "leading";
  leadership.epoch = record.epoch;
  const { ttlMs } = leadership.settings;
  leadership.leaseUntilMs = attempt.sentAtMs + ttlMs * (1 - marginPart);
}

function applyConflict(leadership: Leadership): void {
  if (leadership.phase === "taking") {
    leadership.phase = "standby";
    return;
  }
  loseLeadership(leadership, "another took over");
}

/** Gives the role up, so that the next one need not wait: nothing more is done as the leader. */
export function resign(leadership: Leadership): void {
  if (leadership.leaving) return;
  leadership.leaving = true;
  leadership.due = true;
}

/** Somebody newer was met where only the leader writes. */
export function loseLeadership(leadership: Leadership, cause: string): void {
  leadership.phase = "lost";
  leadership.cause = cause;
}

/**
 * A leader that lost its lease restarts: what it held, and the deliveries that were promised to
 * it, belong to whoever is next.
 */
export function decideLeadership(leadership: Leadership, now: Now): Effect[] {
  if (leadership.phase === "starting") return [];
  if (leadership.phase === "ended") return tellFreed(leadership);
  if (leadership.phase === "leading" && now.monotonicMs >= leadership.leaseUntilMs) {
    loseLeadership(leadership, "no renewal succeeded in time");
  }
  if (leadership.phase === "lost") return endLost(leadership);
  const effects = [...listen(leadership), ...takeNews(leadership)];
  if (leadership.timer === null && !leadership.leaving) effects.push(armTimer(leadership, now));
  if (leadership.due && leadership.inHand === null) effects.push(...decideDue(leadership, now));
  return effects;
}

function endLost(leadership: Leadership): Effect[] {
  const { role, ttlMs } = leadership.settings;
  const reason = `${role} of epoch ${leadership.epoch}: ${leadership.cause}`;
  leadership.phase = "ended";
  return leadership.leaving ? [] : [{ kind: "restart", reason, afterMs: ttlMs / 3 }];
}

function listen(leadership: Leadership): Effect[] {
  if (leadership.isListening) return [];
  leadership.isListening = true;
  const { role: token } = leadership.settings;
  return [{ kind: "listen", definitions: [LeadershipFreed], token, from: "new" }];
}

function tellFreed(leadership: Leadership): Effect[] {
  if (!leadership.hasFreed) return [];
  leadership.hasFreed = false;
  const message = LeadershipFreed.create({ role: leadership.settings.role });
  return [{ kind: "publish", message, messageId: null }];
}

function takeNews(leadership: Leadership): Effect[] {
  const { news, settings } = leadership;
  leadership.news = null;
  if (news === null) return [];
  return [{ kind: "report", level: "info", text: `${settings.role} on ${settings.host} ${news}` }];
}

function armTimer(leadership: Leadership, now: Now): Effect {
  leadership.timer = nextId(leadership);
  return { kind: "timer", id: leadership.timer, afterMs: untilLook(leadership, now) };
}

function untilLook({ phase, settings, seen }: Leadership, now: Now): number {
  if (phase !== "standby") return settings.ttlMs / 3;
  const silenceOverMs = seen.sinceMs + settings.ttlMs - now.monotonicMs;
  const often = settings.ttlMs / looksPerTtl;
  // Not sooner than in a millisecond: fractions of one may never add up.
  return silenceOverMs > 0 ? Math.min(often, Math.max(1, silenceOverMs)) : often;
}

function decideDue(leadership: Leadership, now: Now): Effect[] {
  leadership.due = false;
  const key = leaderKey(leadership.settings.role);
  if (leadership.phase === "standby") {
    if (leadership.leaving) return [];
    leadership.inHand = nextId(leadership);
    return [{ kind: "readMetadata", id: leadership.inHand, key }];
  }
  leadership.attempt ??= nextAttempt(leadership, now);
  const { record, revision } = leadership.attempt;
  leadership.inHand = nextId(leadership);
  const value = encodeRecord(record);
  return [{ kind: "writeMetadata", id: leadership.inHand, key, value, revision }];
}

function nextAttempt(leadership: Leadership, now: Now): Attempt {
  const renewal = leadership.leaving ? givenUp : (leadership.seen.record?.renewal ?? 0) + 1;
  return attemptOf(leadership, leadership.epoch, renewal, now);
}

export function leaderKey(role: LeaderSettings["role"]): string {
  return `leaders.${role}`;
}

function nextId(leadership: Leadership): string {
  return `leader-${leadership.nextId++}`;
}
