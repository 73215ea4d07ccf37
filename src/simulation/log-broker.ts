// The logs of all channels and what their broker does to them: duplicates, limits, crashes.

import type { Effect, LogEntry } from "../system/actor.js";
import { envelopeOf } from "../system/envelope.js";
import { timings } from "./scenario.js";
import {
  appendTo,
  createStoredLog,
  findDuplicate,
  forgetPurgedIds,
  loseTail,
  purgeThrough,
  type StoredLog,
} from "./stored-log.js";
import type { World } from "./world.js";

export type AppendEffect = Extract<Effect, { kind: "append" }>;
export type AppendAnswer =
  | { ok: true; sequence: number; duplicate: boolean }
  | { ok: false; reason: "full" | "missing" };

const versionOfMessages = 1;
/** Clocks of brokers are set right by small steps. */
const jitterUs = 400;

export class LogBroker {
  readonly #world: World;
  readonly logs = new Map<string, StoredLog>();
  isUp = true;

  constructor(world: World) {
    this.#world = world;
  }

  find(channel: string): StoredLog | undefined {
    return this.logs.get(channel);
  }

  create(channel: string): void {
    if (!this.logs.has(channel)) this.logs.set(channel, createStoredLog(channel));
  }

  remove(channel: string): void {
    const log = this.logs.get(channel);
    if (log !== undefined) this.#world.auditor.removing(channel);
    this.logs.delete(channel);
    for (const watcher of log?.watchers ?? []) watcher();
  }

  append(effect: AppendEffect): AppendAnswer {
    const channel = channelOf(effect);
    const log = this.logs.get(channel);
    const { nowMs } = this.#world;
    if (log === undefined) return { ok: false, reason: "missing" };
    const { messageId } = effect;
    const window = { atMs: nowMs, windowMs: timings.duplicateWindowMs };
    const original = findDuplicate(log, messageId, window);
    if (original !== null) return { ok: true, sequence: original, duplicate: true };
    const isFull = nowMs < log.fullUntilMs && effect.connection !== null;
    if (isFull) return { ok: false, reason: "full" };
    const entry = appendTo(log, this.#entryOf(channel, effect), messageId, nowMs);
    this.#world.auditor.appended(entry, messageId);
    for (const watcher of log.watchers) watcher();
    return { ok: true, sequence: entry.sequence, duplicate: false };
  }

  #entryOf(channel: string, effect: AppendEffect): Omit<LogEntry, "sequence"> {
    const { message, stamp, request } = effect;
    const { body } = envelopeOf(message, null);
    const { random, wallMs } = this.#world;
    const appendedAtUs = Math.round(wallMs * 1_000) + random.below(jitterUs);
    const fixed = { channel, kind: message.kind, version: versionOfMessages };
    return { ...fixed, appendedAtUs, stamp, request, body: Uint8Array.from(body) };
  }

  purge(channel: string, through: number): void {
    const log = this.logs.get(channel);
    if (log === undefined) return;
    this.#world.auditor.purging(log, through);
    purgeThrough(log, through);
    for (const watcher of log.watchers) watcher();
  }

  /** Everybody loses the connection; memory streams vanish; perhaps the end of a log, too. */
  restart(): void {
    const { world } = { world: this.#world };
    this.isUp = false;
    world.queues.forgetMemory();
    for (const log of this.logs.values()) {
      forgetPurgedIds(log);
      if (!world.scenario.losesTails || !world.hasFaults || !world.random.chance(0.5)) continue;
      const lost = loseTail(log, 1 + world.random.below(3));
      world.auditor.lost(log.channel, lost);
    }
    for (const host of world.hosts) host.cut();
    world.after(20 + world.random.next() * 400, () => {
      this.isUp = true;
    });
  }
}

export function channelOf(effect: AppendEffect): string {
  const { message } = effect;
  if (!("channel" in message)) throw new Error(`${message.kind} belongs to no channel`);
  return message.channel;
}
