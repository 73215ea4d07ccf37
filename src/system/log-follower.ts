// Follows one channel's log in order, from a position on, no faster than its entries are handled.
import { setTimeout as delay } from "node:timers/promises";
import type { LogEntry, LogPosition } from "./actor.js";
import { logEntryOf } from "./envelope.js";
import {
  type ApiResult,
  apiErrors,
  createConsumer,
  deleteConsumer,
  isRefusal,
  nanoseconds,
  readStoredMessage,
  readStreamInfo,
} from "./jetstream.js";
import type { NatsLink } from "./nats.js";
import { type Delivery, Pull } from "./pull.js";
import { logStreamOf } from "./streams.js";

export interface FollowSettings {
  readonly channel: string;
  readonly after: LogPosition | null;
  /** Once: entries up to this one were there before. */
  started(lastSequence: number): void;
  /** Resolves when the entry has been handled; never rejects. */
  entry(entry: LogEntry): Promise<void>;
  /** The last call. */
  failed(reason: "purged" | "damaged" | "missing", detail: string): void;
  report(text: string): void;
}

export interface Following {
  /** After a reconnect: looks at the log anew and goes on. */
  resume(): void;
  stop(): void;
}

type Failure = { kind: "failed"; reason: "purged" | "damaged" | "missing"; detail: string };
type Later = { kind: "later"; detail: string };
type Opened = { kind: "opened"; consumer: string; lastSequence: number };

/** What one pull may bring; the next waits until half of it was handled. */
const window = { messages: 512, bytes: 8 * 1024 * 1024 };
const retryMs = { min: 50, max: 2_000 };
const consumerIdleMs = 60_000;
/**
 * A server of a cluster that has only begun to lead may not have taken in yet what was acknowledged
 * before: a log that it does not know, or that seems to end too early, is looked at for so long.
 */
const settleMsDefault = 20_000;

export function followLog(
  link: NatsLink,
  settings: FollowSettings,
  settleMs = settleMsDefault,
): Following {
  const { channel } = settings;
  let position = settings.after;
  let hasStarted = false;
  let stopped = false;
  let resumes = 0;
  let reading: Reading | null = null;
  let lastHandled: Promise<void> | null = null;

  async function run(): Promise<void> {
    let waitMs = retryMs.min;
    let gapAt: number | null = null;
    const doubts = doubtsOf(link, settleMs);
    while (!stopped) {
      // Or each reconnect would add a window to what a held reader has not taken in.
      if (lastHandled !== null) await lastHandled;
      if (stopped) return;
      const resumesBefore = resumes;
      const opening = await openLog(link, channel, position, gapAt);
      if (stopped) return;
      if (opening.kind === "failed" && doubts.areOver(opening)) {
        return settings.failed(opening.reason, opening.detail);
      }
      if (resumes !== resumesBefore) continue; // Made on a connection that has ended since.
      if (opening.kind !== "opened") {
        if (waitMs === retryMs.min)
          settings.report(`${channel}: following later: ${opening.detail}`);
        await delay(waitMs);
        waitMs = Math.min(waitMs * 2, retryMs.max);
        continue;
      }
      waitMs = retryMs.min;
      doubts.clear();
      if (!hasStarted) settings.started(opening.lastSequence);
      hasStarted = true;
      gapAt = await readOn(opening.consumer);
    }
  }

  /** Resolves with the sequence that was missing, or null when the reading ended otherwise. */
  async function readOn(consumer: string): Promise<number | null> {
    reading = startReading(link, channel, consumer, (position?.sequence ?? 0) + 1, (entry) => {
      position = { sequence: entry.sequence, appendedAtUs: entry.appendedAtUs };
      lastHandled = settings.entry(entry);
      return lastHandled;
    });
    const { reason, gapAt } = await reading.ended;
    reading = null;
    if (stopped) void deleteConsumer(link, logStreamOf(channel), consumer);
    else settings.report(`${channel}: reading again: ${reason}`);
    return gapAt;
  }

  void run();
  return {
    resume() {
      resumes += 1;
      reading?.end("reconnected");
    },
    stop() {
      stopped = true;
      reading?.end("stopped");
    },
  };
}

/** A failure is believed at once, except in a cluster: there, when it has lasted. */
function doubtsOf(link: NatsLink, settleMs: number) {
  let sinceMs: number | null = null;
  return {
    areOver({ reason }: Failure): boolean {
      sinceMs ??= performance.now();
      const isSettled = !link.clustered || performance.now() - sinceMs >= settleMs;
      return isSettled || reason === "purged";
    },
    clear(): void {
      sinceMs = null;
    },
  };
}

/** Looks whether the log is still the one that was read, then makes a consumer behind it. */
async function openLog(
  link: NatsLink,
  channel: string,
  position: LogPosition | null,
  gapAt: number | null,
): Promise<Opened | Failure | Later> {
  const stream = logStreamOf(channel);
  const info = await readStreamInfo(link, stream);
  if (!info.ok) return notOpened(info);
  const next = (position?.sequence ?? 0) + 1;
  const { first_seq: first, last_seq: last } = info.value.state;
  if (first > next) return failed("purged", `it begins at ${first}, and ${next} was to be read`);
  const otherwise = position === null ? null : await comparePosition(link, stream, position, last);
  if (otherwise !== null) return otherwise;
  // Purges apart, a log has no holes: the second time that the same one is met, it is real.
  if (gapAt === next) return failed("damaged", `the entry ${next} is missing`);
  const consumer = await createConsumer(link, stream, {
    ack_policy: "none",
    deliver_policy: "by_start_sequence",
    opt_start_seq: next,
    max_deliver: 1,
    mem_storage: true,
    inactive_threshold: nanoseconds(consumerIdleMs),
  });
  if (!consumer.ok) return notOpened(consumer);
  return { kind: "opened", consumer: consumer.value.name, lastSequence: last };
}

/** A crash can replace the tail of a log by another: the sequences then look perfect. */
async function comparePosition(
  link: NatsLink,
  stream: string,
  { sequence, appendedAtUs }: LogPosition,
  last: number,
): Promise<Failure | Later | null> {
  if (last < sequence) return failed("damaged", `it ends at ${last}, and ${sequence} was read`);
  const stored = await readStoredMessage(link, stream, sequence);
  if (!stored.ok) return notOpened(stored);
  if (stored.value === null) return failed("purged", `${sequence}, which was read, is gone`);
  if (stored.value.appendedAtUs === appendedAtUs) return null;
  return failed("damaged", `the entry ${sequence} is not the one that was read`);
}

function notOpened(result: ApiResult<unknown> & { ok: false }): Failure | Later {
  if (isRefusal(result, apiErrors.streamNotFound)) return failed("missing", result.detail);
  return { kind: "later", detail: result.detail };
}

function failed(reason: Failure["reason"], detail: string): Failure {
  return { kind: "failed", reason, detail };
}

interface Reading {
  readonly ended: Promise<{ reason: string; gapAt: number | null }>;
  end(reason: string): void;
}

function startReading(
  link: NatsLink,
  channel: string,
  consumer: string,
  from: number,
  handle: (entry: LogEntry) => Promise<void>,
): Reading {
  let next = from;
  let unhandled = 0;
  let unhandledBytes = 0;
  let isOver = false;
  let finish: (ending: { reason: string; gapAt: number | null }) => void;
  const ended = new Promise<{ reason: string; gapAt: number | null }>((done) => {
    finish = done;
  });
  const pull = new Pull(link, logStreamOf(channel), consumer, {
    delivered: onDelivered,
    ended: askForMore,
    lost: (reason) => end(reason),
  });

  function onDelivered({ sequence, appendedAtUs, header, body }: Delivery): void {
    // A consumer on a replica that lags begins too early, be it by whole pulls.
    if (sequence < next) return askForMore();
    if (sequence > next) return end(`${sequence} came in place of ${next}`, next);
    next += 1;
    unhandled += 1;
    unhandledBytes += body.length;
    const entry = logEntryOf(channel, { sequence, appendedAtUs }, header, body);
    void handle(entry).then(() => {
      unhandled -= 1;
      unhandledBytes -= body.length;
      askForMore();
    });
  }

  function askForMore(): void {
    if (isOver || pull.outstanding > 0) return;
    if (unhandled > window.messages / 2 || unhandledBytes > window.bytes / 2) return;
    pull.ask(window.messages, window.bytes);
  }

  function end(reason: string, gapAt: number | null = null): void {
    isOver = true;
    pull.close();
    finish({ reason, gapAt });
  }

  askForMore();
  return { ended, end };
}
