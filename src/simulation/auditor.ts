// Watches everything that becomes durable, and knows at each moment what must be true.
import { collectionRecord, decodeRecord } from "../messages/records.js";
import type { LogEntry } from "../system/actor.js";
import type { ClientReply } from "../system/client-request.js";
import { ChannelModel, type ModelRow, messageOf, rowsOf } from "./channel-model.js";
import { HandOverAuditor } from "./hand-over-auditor.js";
import type { Host } from "./host.js";
import { createLedger, forgetBeyond, type WritePart } from "./ledger.js";
import type { MetadataFake } from "./metadata-fake.js";
import { RootAuditor } from "./root-auditor.js";
import { timings } from "./scenario.js";
import type { StoredLog } from "./stored-log.js";
import type { World } from "./world.js";

/** What was found to be wrong first ends a run. */
export interface Violation {
  readonly atMs: number;
  readonly text: string;
}

export class Auditor {
  readonly ledger = createLedger();
  readonly channels = new Map<string, ChannelModel>();
  readonly violations: Violation[] = [];
  /** When the end of a channel's log was lost. */
  readonly lostAtMs = new Map<string, number>();
  readonly roots = new RootAuditor(this);
  readonly #handOvers = new HandOverAuditor(this);
  readonly #writtenParts = new Set<string>();
  #world: World | null = null;
  /** Where answers to clients go. */
  respond: (host: Host, request: string, reply: ClientReply) => void = () => undefined;

  get world(): World {
    if (this.#world === null) throw new Error("the auditor watches no world yet");
    return this.#world;
  }

  watch(world: World): void {
    this.#world = world;
  }

  fail(text: string): void {
    this.violations.push({ atMs: this.world.nowMs, text });
    this.world.trace.line(`VIOLATION ${text}`);
  }

  model(channel: string): ChannelModel {
    const known = this.channels.get(channel);
    if (known !== undefined) return known;
    const model = new ChannelModel(channel);
    this.channels.set(channel, model);
    return model;
  }

  actorFailed(who: string, message: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.fail(`${who} threw at ${message}: ${text}`);
  }

  appended(entry: LogEntry, messageId: string): void {
    const model = this.model(entry.channel);
    const message = messageOf(entry);
    if ("rows" in message && message.rows instanceof Uint8Array) {
      this.#checkRows(entry, rowsOf(message.rows, entry.sequence, model.shard), messageId);
    }
    if (message.kind === "RowsDeleted") this.#checkDelete(model, entry, message);
    model.append(entry);
  }

  #checkRows(entry: LogEntry, rows: readonly ModelRow[], messageId: string): void {
    const part = this.#partsOf(entry).find(({ content }) =>
      "rows" in content
        ? rows.every((row) => content.rows.some((sent) => isSame(row, sent)))
        : false,
    );
    if (part === undefined) return this.fail(`${whatOf(entry)} holds rows that nobody sent`);
    this.#checkOnce(entry, part, messageId);
  }

  #partsOf(entry: LogEntry): readonly WritePart[] {
    return this.ledger.writes.get(entry.request) ?? [];
  }

  /** At most one entry per request, part and channel. */
  #checkOnce(entry: LogEntry, { part }: WritePart, messageId: string): void {
    const name = `${entry.request}/${part}/${entry.channel}`;
    if (this.#writtenParts.has(name))
      this.fail(`${whatOf(entry)} was written twice (${messageId})`);
    this.#writtenParts.add(name);
  }

  #checkDelete(
    model: ChannelModel,
    entry: LogEntry,
    message: { keys: readonly (string | bigint | number)[]; evaluatedAt: number | null },
  ): void {
    const keys = message.keys.map(BigInt);
    const part = this.#partsOf(entry).find(({ content }) =>
      content.kind === "deleteIds"
        ? keys.every((key) => content.ids.includes(key))
        : content.kind === "deleteFilter",
    );
    if (part === undefined) return this.fail(`${whatOf(entry)} deletes what nobody named`);
    this.#checkOnce(entry, part, "");
    if (part.content.kind !== "deleteFilter") return;
    const { test } = part.content;
    const { evaluatedAt } = message;
    for (const key of keys) {
      const row = model.living(key);
      const isHit = row !== undefined && row.born <= (evaluatedAt ?? entry.sequence);
      if (isHit && !test(row)) this.fail(`${whatOf(entry)} hides key ${key}, which does not match`);
    }
    if (evaluatedAt === null) return;
    const wanted = model.rowsAt(evaluatedAt).filter(test).length;
    if (wanted !== keys.length) {
      this.fail(`${whatOf(entry)} names ${keys.length} keys, ${wanted} matched at ${evaluatedAt}`);
    }
  }

  lost(channel: string, entries: readonly LogEntry[]): void {
    if (entries.length === 0) return;
    const former = this.model(channel);
    const kept = former.entries.slice(0, former.last - entries.length);
    const model = new ChannelModel(channel);
    for (const entry of kept) model.append(entry);
    this.channels.set(channel, model);
    this.lostAtMs.set(channel, this.world.nowMs);
    forgetBeyond(this.ledger, channel, model.last);
    for (const { request } of entries) {
      for (const name of [...this.#writtenParts]) {
        if (name.startsWith(`${request}/`)) this.#writtenParts.delete(name);
      }
    }
    this.world.trace.line(`${channel} lost its entries behind ${model.last}`);
  }

  /** Purge stays behind the checkpoint, and a duplicate window behind the head. */
  purging(log: StoredLog, through: number): void {
    const { channel } = log;
    if (this.lostAtMs.has(channel) || through < log.first) return;
    const checkpoint = this.roots.checkpointOf(channel);
    if (through >= checkpoint) {
      this.fail(`${channel} is purged through ${through}, its checkpoint is ${checkpoint}`);
    }
    const youngest = this.model(channel).entry(Math.min(through, log.last));
    const ageMs = this.world.wallMs - (youngest?.appendedAtUs ?? 0) / 1_000;
    const clocksMs = Math.max(...this.world.hosts.map(({ wallSkewMs }) => Math.abs(wallSkewMs)));
    if (ageMs < timings.duplicateWindowMs && clocksMs === 0) {
      this.fail(`${channel} is purged through ${through}, which is ${Math.round(ageMs)} ms old`);
    }
  }

  /** The log of a collection that is not being dropped stays. */
  removing(channel: string): void {
    const record = recordOfChannel(this.world.metadata, channel);
    if (record === undefined || record.state === "dropping") return;
    this.fail(`the log of ${channel} is removed, whose collection is ${record.state}`);
  }

  metadataWritten(key: string, before: Uint8Array | null, value: Uint8Array | null): void {
    this.roots.written(key, before, value);
    this.#handOvers.written(key, before, value);
  }

  objectWrittenAgain(key: string, present: Uint8Array, bytes: Uint8Array): void {
    if (Buffer.compare(present, bytes) !== 0) this.fail(`the object '${key}' was overwritten`);
  }

  objectDeleting(key: string): void {
    this.roots.deleting(key);
  }
}

/** Of the collection that a channel belongs to, if there is one. */
export function recordOfChannel({ stored }: MetadataFake, channel: string) {
  return [...stored]
    .filter(([key]) => key.startsWith("collections."))
    .map(([, { value }]) => decodeRecord(collectionRecord, value))
    .find(({ channels }) => channels.includes(channel));
}

function whatOf(entry: LogEntry): string {
  return `entry ${entry.sequence} of ${entry.channel} (${entry.kind}, ${entry.request})`;
}

function isSame(
  row: ModelRow,
  sent: { id: number | null; n: number; g: number; v: readonly number[] },
): boolean {
  const isKey = sent.id === null || row.key === BigInt(sent.id);
  return isKey && row.n === sent.n && row.g === sent.g && row.v.join() === sent.v.join();
}
