// Sees to it that a replica which serves is not let go before another says that it serves.
import {
  assignmentRecord,
  decodeRecord,
  type SessionRecord,
  sessionRecord,
} from "../messages/records.js";
import type { Auditor } from "./auditor.js";
import { timings } from "./scenario.js";

interface Word {
  /** Since when every session has said so, without a gap, and when the last one did. */
  readonly sinceMs: number;
  readonly lastMs: number;
}

/** Long enough for any coordinator that can see at all to have seen it. */
const certainAfterMs = 5_000;
const { sessionTtlMs } = timings;

export class HandOverAuditor {
  readonly #auditor: Auditor;
  /** By channel and host: what hosts say of the query workers that serve on them. */
  readonly #serving = new Map<string, Word>();
  /** When each holder of a channel was given it. */
  readonly #givenAtMs = new Map<string, number>();

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  written(key: string, before: Uint8Array | null, value: Uint8Array | null): void {
    if (value === null) return;
    if (key.startsWith("sessions.")) return this.#sessionWritten(value);
    if (!key.startsWith("assignments.")) return;
    const record = decodeRecord(assignmentRecord, value);
    const former = before === null ? [] : decodeRecord(assignmentRecord, before).query;
    const nameOf = (host: string) => `${record.channel}@${host}`;
    const { nowMs } = this.#auditor.world;
    for (const host of record.query) {
      if (!former.includes(host)) this.#givenAtMs.set(nameOf(host), nowMs);
    }
    const isReady = (host: string) => this.#hasServed(nameOf(host));
    if (record.query.some(isReady) || !this.#canSee()) return;
    for (const host of former) {
      if (record.query.includes(host) || !this.#servesSurely(host, nameOf(host))) continue;
      const others = record.query.join(", ");
      this.#auditor.fail(`${host} serves ${record.channel} and is let go before ${others} are`);
    }
  }

  #sessionWritten(value: Uint8Array): void {
    const session: SessionRecord = decodeRecord(sessionRecord, value);
    const { nowMs } = this.#auditor.world;
    const now = new Set(
      session.actors
        .filter(({ actor, phase }) => actor === "query-worker" && phase === "serving")
        .map(({ channel }) => `${channel}@${session.host}`),
    );
    for (const name of now) {
      const word = this.#serving.get(name);
      const isGap = word === undefined || nowMs - word.lastMs > sessionTtlMs;
      this.#serving.set(name, { sinceMs: isGap ? nowMs : word.sinceMs, lastMs: nowMs });
    }
    for (const [name, { lastMs }] of this.#serving) {
      const isOfHost = name.endsWith(`@${session.host}`);
      if (isOfHost && !now.has(name)) this.#serving.set(name, { sinceMs: nowMs, lastMs });
    }
  }

  /** Since it was given the channel, or just before: what a coordinator saw may be a little old. */
  #hasServed(name: string): boolean {
    const lastMs = this.#serving.get(name)?.lastMs ?? Number.NEGATIVE_INFINITY;
    return lastMs >= (this.#givenAtMs.get(name) ?? 0) - 2 * sessionTtlMs;
  }

  #servesSurely(host: string, name: string): boolean {
    const { hosts, nowMs } = this.#auditor.world;
    const word = this.#serving.get(name);
    const isUp = hosts.some((each) => each.name === host && each.isUp);
    if (!isUp || word === undefined) return false;
    return nowMs - word.lastMs < sessionTtlMs && nowMs - word.sinceMs >= certainAfterMs;
  }

  /** A coordinator that froze acts on what it saw before, until its lease is found to be over. */
  #canSee(): boolean {
    const { hosts, nowMs } = this.#auditor.world;
    return hosts.every(
      ({ frozeAtMs, isPaused }) => !isPaused && nowMs - frozeAtMs > certainAfterMs,
    );
  }
}
