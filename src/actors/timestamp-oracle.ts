// Hands out timestamps that only ever grow, whoever does it: the next one starts where this ends.
import { fromMs, next, type Timestamp, toMs } from "../log/timestamp.js";
import { AllocateTimestamp } from "../messages/command.js";
import { LeadershipFreed } from "../messages/control.js";
import type { MessageOf } from "../messages/define.js";
import { encodeRecord, oracleWindowRecord, parseRecord } from "../messages/records.js";
import { TimestampReply } from "../messages/reply.js";
import {
  applyLeadership,
  createLeadership,
  decideLeadership,
  isActing,
  type Leadership,
  loseLeadership,
  resign,
} from "../placement/leadership.js";
import {
  type DeliveryId,
  defineActor,
  type Effect,
  type MetadataEntry,
  type Now,
  type Outcome,
} from "../system/actor.js";

export interface TimestampOracleSettings {
  readonly host: string;
  /** A leader is taken for dead when it was silent for this long. */
  readonly sessionTtlMs: number;
}

type Request = MessageOf<typeof AllocateTimestamp>;

interface TimestampOracleState {
  readonly settings: TimestampOracleSettings;
  readonly leadership: Leadership;
  stopping: boolean;
  /** The record as it was last read or written; null until it was read. */
  window: { revision: number | null; untilMs: number } | null;
  /** Whether the window is this leader's own, so that it may hand out from it. */
  isOwn: boolean;
  last: Timestamp;
  readonly requests: Map<DeliveryId, Request>;
  creditsOut: number;
  /** The next bound; written again as it is until it is known what became of it. */
  attempt: number | null;
  inHand: string | null;
  retryAtMs: number;
  timer: string | null;
  cause: string | null;
  answered: number;
  nextId: number;
}

const windowKey = "oracle.window";
/** What a fail-over may skip, and how often the store is written to under load. */
const aheadMs = 3_000;
const extendBelowMs = 1_000;
const retryAfterMs = 250;
const requestsMax = 256;

function initial(settings: TimestampOracleSettings): TimestampOracleState {
  const { host, sessionTtlMs: ttlMs } = settings;
  return {
    settings,
    leadership: createLeadership({ role: "oracle", host, ttlMs }),
    stopping: false,
    window: null,
    isOwn: false,
    last: 0n,
    requests: new Map(),
    creditsOut: 0,
    attempt: null,
    inHand: null,
    retryAtMs: 0,
    timer: null,
    cause: null,
    answered: 0,
    nextId: 1,
  };
}

function apply(state: TimestampOracleState, outcome: Outcome, now: Now): void {
  applyLeadership(state.leadership, outcome, now);
  switch (outcome.kind) {
    case "Stopping":
      state.stopping = true;
      return;
    case "Delivered":
      state.creditsOut -= 1;
      state.requests.set(outcome.delivery, outcome.message as Request);
      return;
    case "TimerFired":
      if (state.timer === outcome.id) state.timer = null;
      return;
    case "MetadataRead":
      if (!isForWindow(state, outcome.id)) return;
      if (outcome.result.ok) applyWindow(state, outcome.result.entry, now);
      else applyUnavailable(state, outcome.result.detail, now);
      return;
    case "MetadataWritten":
      if (isForWindow(state, outcome.id)) applyExtended(state, outcome.result, now);
      return;
    default:
      return;
  }
}

function isForWindow(state: TimestampOracleState, id: string): boolean {
  if (state.inHand !== id) return false;
  state.inHand = null;
  return true;
}

function applyWindow(state: TimestampOracleState, entry: MetadataEntry | null, now: Now): void {
  const parsed = entry === null ? null : parseRecord(oracleWindowRecord, entry.value);
  if (parsed !== null && !parsed.ok) {
    return applyUnavailable(state, `'${windowKey}' cannot be read: ${parsed.reason}`, now);
  }
  const untilMs = parsed === null ? 0 : parsed.record.untilMs;
  state.cause = null;
  state.window = { revision: entry?.revision ?? null, untilMs };
  // What was handed out before lies below: the first one from here is at it or beyond.
  state.last = fromMs(untilMs) - 1n;
}

type Written = Extract<Outcome, { kind: "MetadataWritten" }>["result"];

function applyExtended(state: TimestampOracleState, result: Written, now: Now): void {
  if (!result.ok && result.reason === "unavailable") {
    return applyUnavailable(state, result.detail, now);
  }
  const untilMs = state.attempt as number;
  state.attempt = null;
  if (result.ok) {
    state.cause = null;
    state.window = { revision: result.revision, untilMs };
    state.isOwn = true;
  } else if (state.isOwn) {
    loseLeadership(state.leadership, "another moved the window of timestamps");
  } else state.window = null;
}

function applyUnavailable(state: TimestampOracleState, detail: string, now: Now): void {
  state.cause = detail;
  state.retryAtMs = now.monotonicMs + retryAfterMs;
}

function decide(state: TimestampOracleState, now: Now): readonly Effect[] {
  if (state.stopping && state.requests.size === 0) resign(state.leadership);
  const effects = decideLeadership(state.leadership, now);
  if (!isActing(state.leadership, now)) return effects;
  dropExpired(state, now, effects);
  const isWanted = state.requests.size > 0 || !state.isOwn;
  if (state.isOwn) answer(state, now, effects);
  decideWindow(state, isWanted, now, effects);
  decideCredits(state, effects);
  return effects;
}

function dropExpired(state: TimestampOracleState, now: Now, effects: Effect[]): void {
  for (const [delivery, request] of state.requests) {
    if (now.wallMs > request.deadlineMs) acknowledge(state, delivery, effects);
  }
}

function acknowledge(state: TimestampOracleState, delivery: DeliveryId, effects: Effect[]): void {
  effects.push({ kind: "acknowledge", delivery });
  state.requests.delete(delivery);
}

/** As many as the window has room for; the others wait until it is extended. */
function answer(state: TimestampOracleState, now: Now, effects: Effect[]): void {
  const untilMs = state.window?.untilMs ?? 0;
  for (const [delivery, { proxy, request }] of state.requests) {
    const timestamp = following(state.last, now);
    if (toMs(timestamp) >= untilMs) return;
    state.last = timestamp;
    state.answered += 1;
    const message = TimestampReply.create({ proxy, request, timestamp });
    effects.push({ kind: "publish", message, messageId: null });
    acknowledge(state, delivery, effects);
  }
}

/** The wall clock's time, or the one after the last should that clock stand or jump back. */
function following(last: Timestamp, now: Now): Timestamp {
  const wall = fromMs(now.wallMs);
  return wall > last ? wall : next(last);
}

/** The bound is durable before anything below it is handed out. */
function decideWindow(
  state: TimestampOracleState,
  isWanted: boolean,
  now: Now,
  effects: Effect[],
): void {
  if (state.inHand !== null || !isWanted) return;
  if (now.monotonicMs < state.retryAtMs) return armTimer(state, effects);
  const id = `window-${state.nextId++}`;
  if (state.window === null) {
    state.inHand = id;
    effects.push({ kind: "readMetadata", id, key: windowKey });
    return;
  }
  const fromHereMs = toMs(following(state.last, now));
  const isEnough = state.isOwn && state.window.untilMs - fromHereMs >= extendBelowMs;
  if (isEnough && state.attempt === null) return;
  state.inHand = id;
  state.attempt ??= fromHereMs + aheadMs;
  const { epoch } = state.leadership;
  const value = encodeRecord({ version: 1, untilMs: state.attempt, epoch });
  const { revision } = state.window;
  effects.push({ kind: "writeMetadata", id, key: windowKey, value, revision });
}

function armTimer(state: TimestampOracleState, effects: Effect[]): void {
  if (state.timer !== null) return;
  state.timer = `retry-${state.nextId++}`;
  effects.push({ kind: "timer", id: state.timer, afterMs: retryAfterMs });
}

function decideCredits(state: TimestampOracleState, effects: Effect[]): void {
  if (state.stopping) return;
  const credits = requestsMax - state.creditsOut - state.requests.size;
  if (credits < requestsMax / 2) return;
  state.creditsOut += credits;
  effects.push({ kind: "take", definitions: [AllocateTimestamp], token: null, credits });
}

export const timestampOracle = defineActor<TimestampOracleSettings, TimestampOracleState>({
  name: "timestamp-oracle",
  accepts: [AllocateTimestamp, LeadershipFreed],
  emits: [TimestampReply, LeadershipFreed],
  initial,
  apply,
  decide,
  status: (state, now) => {
    const { leadership } = state;
    const idle = leadership.phase === "leading" ? "ended" : leadership.phase;
    return {
      phase: isActing(leadership, now) ? "leading" : idle,
      cause: leadership.cause ?? state.cause,
      figures: {
        epoch: leadership.epoch,
        answered: state.answered,
        waiting: state.requests.size,
        windowLeftMs: state.isOwn ? (state.window?.untilMs ?? 0) - now.wallMs : 0,
      },
    };
  },
});
