// The host's word that it lives, written again and again; and its lease, by its own clock.
import { hostname } from "node:os";
import {
  type ActorStatus,
  type DrainProgress,
  encodeRecord,
  parseRecord,
  type Role,
  type SessionRecord,
  sessionKey,
  sessionRecord,
} from "../messages/records.js";
import { UnavailableError } from "../storage/errors.js";
import type { Formats } from "../storage/formats.js";
import type { MetadataStore } from "../storage/metadata-store.js";

export interface SessionSettings {
  readonly metadata: MetadataStore;
  readonly host: string;
  readonly roles: readonly Role[];
  readonly formats: Formats;
  /** Others take this host for dead when its record has not changed for this long. */
  readonly ttlMs: number;
  actors(): readonly ActorStatus[];
  /** Tells others that there is something new in the record, or that it is gone. */
  announce(): void;
  report(level: "info" | "warn" | "error", text: string): void;
}

/** The lease ends this part of the TTL before others may count on its end: clocks differ. */
const marginPart = 0.2;
/** How soon others learn that an actor here is in another phase. */
const lookEveryMs = 500;
const recordBytesMax = 400 * 1024;
/** Of what is left at a drain, when not all of it fits. */
const leftShownMax = 100;

export class Session {
  readonly #settings: SessionSettings;
  /** Tells this run of the host from others. */
  readonly startedAtMs = Date.now();
  readonly #key: string;
  #revision: number | null = null;
  /** The record of another process under our name, and since when it has stood still. */
  #foreign: { readonly revision: number; readonly sinceMs: number } | null = null;
  #leaseUntilMs = Number.NEGATIVE_INFINITY;
  #lastWrittenMs = Number.NEGATIVE_INFINITY;
  #lastPhases = "";
  /** Statuses that say nothing beyond what is written, as they were told; null: not known. */
  #told: readonly ActorStatus[] | null = null;
  #drain: DrainProgress | null = null;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  #hasReported = false;

  constructor(settings: SessionSettings) {
    this.#settings = settings;
    this.#key = sessionKey(settings.host);
  }

  /** Resolves when the record was written for the first time, or could not be. */
  async start(): Promise<void> {
    this.#write();
    this.#timer = setInterval(() => this.#writeIfDue(), lookEveryMs);
    await this.#writing;
  }

  /** Counted from before the write was sent, so nobody can have begun to count earlier. */
  isHeld(): boolean {
    return performance.now() < this.#leaseUntilMs;
  }

  /** Resolves when others can read it, or the store cannot be written to. */
  async setDrain(drain: DrainProgress | null): Promise<void> {
    this.#drain = drain;
    this.#told = null;
    if (this.#phases() === this.#lastPhases) return;
    while (this.#isWriting) await this.#writing;
    this.#write();
    await this.#writing;
  }

  /** Others need not wait for the end of a host that says goodbye. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#writing;
    this.#leaseUntilMs = Number.NEGATIVE_INFINITY;
    if (this.#revision === null) return;
    try {
      await this.#settings.metadata.delete(this.#key, this.#revision);
      this.#settings.announce();
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      this.#settings.report("warn", `the session stays until its TTL: ${error.message}`);
    }
  }

  #writeIfDue(): void {
    const isDue = performance.now() - this.#lastWrittenMs >= this.#settings.ttlMs / 3;
    if (!this.#isWriting && (isDue || this.#hasNews())) this.#write();
  }

  #hasNews(): boolean {
    const actors = this.#settings.actors();
    const told = this.#told;
    const isTold = told?.length === actors.length && told.every((one, at) => one === actors[at]);
    if (isTold) return false;
    this.#told = null;
    if (this.#phases(actors) !== this.#lastPhases) return true;
    this.#told = [...actors];
    return false;
  }

  #write(): void {
    this.#isWriting = true;
    this.#writing = this.#renew().finally(() => {
      this.#isWriting = false;
    });
  }

  /** One that fails is due again at the next look: others count the silence after an outage. */
  async #renew(): Promise<void> {
    const sentAtMs = performance.now();
    const actors = this.#settings.actors();
    const phases = this.#phases(actors);
    try {
      if (await this.#put(actors)) {
        this.#leaseUntilMs = sentAtMs + this.#settings.ttlMs * (1 - marginPart);
        if (phases !== this.#lastPhases) this.#settings.announce();
        this.#lastPhases = phases;
        this.#hasReported = false;
        this.#lastWrittenMs = sentAtMs;
      }
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      this.#reportOnce("warn", `the session is not renewed: ${error.message}`);
    }
  }

  async #put(actors: readonly ActorStatus[]): Promise<boolean> {
    const { metadata, host, roles, formats } = this.#settings;
    const record: SessionRecord = {
      version: 1,
      host,
      pid: process.pid,
      hostname: hostname(),
      roles: [...roles],
      startedAtMs: this.startedAtMs,
      renewedAtMs: Date.now(),
      actors: [...actors],
      drain: this.#drain,
      formats,
    };
    const value = encodeFitting(record);
    const outcome =
      this.#revision === null
        ? await metadata.create(this.#key, value)
        : await metadata.update(this.#key, value, this.#revision);
    if (outcome.ok) {
      this.#revision = outcome.revision;
      return true;
    }
    await this.#readBack();
    return false;
  }

  /** After a conflict: a late write of ours, a record that somebody cleared, or another host. */
  async #readBack(): Promise<void> {
    const stored = await this.#settings.metadata.get(this.#key);
    this.#revision = null;
    if (stored === undefined) return;
    const parsed = parseRecord(sessionRecord, stored.value);
    const isFree = parsed.ok && (this.#isOurs(parsed.record) || isOfDeadProcess(parsed.record));
    if (isFree || this.#isAbandoned(stored.revision)) this.#revision = stored.revision;
    else this.#reportOnce("error", `another process runs as host '${this.#settings.host}'`);
  }

  /** There may be two tries a second until it succeeds again. */
  #reportOnce(level: "warn" | "error", text: string): void {
    if (!this.#hasReported) this.#settings.report(level, text);
    this.#hasReported = true;
  }

  #isOurs({ pid, startedAtMs }: SessionRecord): boolean {
    return pid === process.pid && startedAtMs === this.startedAtMs;
  }

  /** All that others should hear of soon. */
  #phases(actors = this.#settings.actors()): string {
    const phases = actors.map(({ actor, channel, phase, cause }) => [actor, channel, phase, cause]);
    return JSON.stringify([phases, this.#drain]);
  }

  /** An earlier process of this name left it behind when it has not moved for a whole TTL. */
  #isAbandoned(revision: number): boolean {
    const now = performance.now();
    if (this.#foreign?.revision !== revision) this.#foreign = { revision, sinceMs: now };
    return now - this.#foreign.sinceMs > this.#settings.ttlMs;
  }
}

/** Of this machine, where we can tell: who was started in its place need not wait for the TTL. */
function isOfDeadProcess(record: SessionRecord): boolean {
  if (record.hostname !== hostname()) return false;
  try {
    process.kill(record.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/** Of very many actors it says less: the figures, which only `status` shows, go first. */
function encodeFitting(record: SessionRecord): Uint8Array {
  for (const shortened of shortenings) {
    const value = encodeRecord(shortened(record));
    if (value.length <= recordBytesMax) return value;
  }
  return encodeRecord(withoutTexts(record));
}

const shortenings: readonly ((record: SessionRecord) => SessionRecord)[] = [
  (record) => record,
  (record) => ({ ...record, actors: record.actors.map((each) => ({ ...each, figures: {} })) }),
];

/** Others go on knowing what is served here, and that something is left. */
function withoutTexts(record: SessionRecord): SessionRecord {
  const { actors, drain } = record;
  return {
    ...record,
    actors: actors.map((each) => ({ ...each, cause: null, figures: {} })),
    drain: drain ? { ...drain, left: drain.left.slice(0, leftShownMax) } : null,
  };
}
