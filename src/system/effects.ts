// The one file that runs effects: one runner for each life of an actor, whose outcomes die with it.
import { setTimeout as delay } from "node:timers/promises";
import { bulkhead } from "cockatiel";
import type { SealedCache } from "../storage/sealed-cache.js";
import type { Effect, LogEntry, Outcome, Unavailable } from "./actor.js";
import type { Bus } from "./bus.js";
import type { ClientReply } from "./client-request.js";
import type { ComputeJob, ComputeResult } from "./compute.js";
import { envelopeOf, logEntryOf, logEnvelopeOf } from "./envelope.js";
import { type ApiResult, purgeStream, readStoredMessage, readStreamInfo } from "./jetstream.js";
import { type Following, followLog } from "./log-follower.js";
import {
  leaseIsOver,
  runStorageEffect,
  type StorageEffect,
  type StoragePorts,
} from "./storage-effects.js";
import { createLogStream, listLogs, logStreamOf, removeLogStream } from "./streams.js";
import { WorkQueue } from "./work-queue.js";

export interface ComputePort {
  run(job: ComputeJob): Promise<ComputeResult>;
}

export interface EffectPorts extends StoragePorts {
  readonly bus: Bus;
  readonly compute: ComputePort;
  /** Of search results; null where none is configured. */
  readonly cache: SealedCache | null;
  /** Where answers to clients go; a request nobody knows any more is ignored. */
  readonly clients: { respond(request: string, reply: ClientReply): void };
}

export interface EffectOwner {
  /** Resolves when the outcome was handled; never rejects. */
  deliver(outcome: Outcome): Promise<void>;
  report(level: "info" | "warn" | "error", text: string): void;
  /** The actor asked for it, or an effect broke an invariant. */
  restart(reason: string, afterMs: number): void;
}

/** Objects can be large: one actor does not hold more of them in flight than this. */
const storageAtOnceMax = 16;
/** Computations that an actor has in flight before its log is read no further. */
const computingMax = 128;
const storageWaitingMax = 100_000;
const retryMs = { min: 50, max: 2_000 };
const pollMs = 10;
/** Timers of at least so long are met at multiples of it, the long ones at coarser multiples. */
const gridMs = 250;
const coarse = { fromMs: 20_000, gridMs: 2_000 };
/** A timer that is set again when it has fired, a little late, must not lose a step each time. */
const gridSlackMs = 20;

export class EffectRunner {
  readonly #ports: EffectPorts;
  readonly #owner: EffectOwner;
  readonly #work: WorkQueue;
  readonly #storage = bulkhead(storageAtOnceMax, storageWaitingMax);
  readonly #followings = new Map<string, Following>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #endings: (() => void)[] = [];
  /** Effects whose outcome was not handled yet, timers apart. */
  #unsettled = 0;
  #computing = 0;
  /** Channels whose log is read no further until the actor says so. */
  readonly #held = new Set<string>();
  /** Followers that wait until computations have made room, or the actor has. */
  #waitingForRoom: (() => void)[] = [];
  /** The connection on which followers compare what they have read with the log, or did so. */
  #comparedOn: number;
  #isStopped = false;

  constructor(ports: EffectPorts, owner: EffectOwner) {
    this.#ports = ports;
    this.#owner = owner;
    this.#comparedOn = ports.bus.link.generation;
    this.#work = new WorkQueue(ports.bus.link, {
      delivered: (delivery, deliveries, message) =>
        void this.#deliver({ kind: "Delivered", delivery, deliveries, message }),
      report: (level, text) => owner.report(level, text),
    });
    this.#endings.push(ports.bus.onResumed(() => this.#resume()));
  }

  /** Starts the effect and does not wait for it. */
  run(effect: Effect): void {
    switch (effect.kind) {
      case "append":
        return this.#append(effect);
      case "follow":
        return this.#follow(effect);
      case "hold":
        this.#held.add(effect.channel);
        return;
      case "release":
        return this.#release(effect.channel);
      case "readEntry":
        return this.#settle(this.#readEntry(effect));
      case "readHead":
        return this.#settle(this.#readHead(effect.id, effect.channel));
      case "publish":
        return this.#publish(effect);
      case "take":
        return this.#work.take(effect.definitions, effect.token, effect.credits);
      case "acknowledge":
        return this.#work.acknowledge(effect.delivery);
      case "extend":
        return this.#work.extend(effect.delivery);
      case "listen":
        return this.#listen(effect);
      case "respond":
        return this.#ports.clients.respond(effect.request, effect.reply);
      case "createChannel":
        return this.#settle(this.#createChannel(effect.id, effect.channel));
      case "removeChannel":
        return this.#settle(this.#removeChannel(effect.id, effect.channel));
      case "listChannels":
        return this.#settle(this.#listChannels(effect.id));
      case "purge":
        return void this.#purge(effect.channel, effect.through);
      case "timer":
        return this.#startTimer(effect.id, effect.afterMs);
      case "compute":
        return this.#settle(this.#compute(effect.id, effect.job));
      case "readCache":
        return this.#settle(this.#readCache(effect));
      case "writeCache":
        return void this.#ports.cache?.set(effect.key, effect.bytes);
      case "report":
        return this.#owner.report(effect.level, effect.text);
      case "restart":
        return this.#owner.restart(effect.reason, effect.afterMs);
      default:
        return this.#settle(this.#store(effect));
    }
  }

  /**
   * Takes no more work; resolves when what was taken is acknowledged and what was begun has come
   * to an outcome that called for nothing more, or the time is over.
   */
  async drain(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    await this.#work.drain(timeoutMs);
    while (this.#unsettled > 0 && performance.now() < until) await delay(pollMs);
  }

  /** Nothing is delivered after this. */
  stop(): void {
    this.#isStopped = true;
    this.#giveRoom();
    for (const end of this.#endings) end();
    for (const following of this.#followings.values()) following.stop();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#work.stop();
  }

  async #deliver(outcome: Outcome): Promise<void> {
    if (!this.#isStopped) await this.#owner.deliver(outcome);
  }

  #settle(outcome: Promise<Outcome>): void {
    this.#unsettled += 1;
    const handled = outcome.then(
      (value) => this.#deliver(value),
      (error: unknown) => {
        if (!this.#isStopped) this.#owner.restart(`an effect failed: ${String(error)}`, 0);
      },
    );
    void handled.then(() => {
      this.#unsettled -= 1;
    });
  }

  #resume(): void {
    this.#comparedOn = this.#ports.bus.link.generation;
    for (const following of this.#followings.values()) following.resume();
    this.#work.resume();
    void this.#deliver({ kind: "Reconnected", connection: this.#ports.bus.link.generation });
  }

  #append(effect: Extract<Effect, { kind: "append" }>): void {
    const { id, message, connection } = effect;
    if (!("channel" in message)) throw new Error(`'${message.kind}' belongs to no channel`);
    const { channel } = message;
    const envelope = logEnvelopeOf(message, { stream: logStreamOf(channel), ...effect });
    const appended = this.#ports.bus.publisher.append({ channel, connection, ...envelope });
    this.#settle(
      appended.then((result) =>
        result.ok
          ? { kind: "Appended", id, sequence: result.sequence, duplicate: result.duplicate }
          : { kind: "AppendFailed", id, reason: result.reason, detail: result.detail },
      ),
    );
  }

  #follow({ channel, after }: Extract<Effect, { kind: "follow" }>): void {
    this.#followings.get(channel)?.stop();
    this.#release(channel);
    const following = followLog(this.#ports.bus.link, {
      channel,
      after,
      started: (lastSequence) =>
        void this.#deliver({ kind: "FollowStarted", channel, lastSequence }),
      entry: async (entry) => {
        await this.#deliver({ kind: "LogEntryRead", entry });
        await this.#roomToRead(channel);
      },
      failed: (reason, detail) => {
        this.#followings.delete(channel);
        void this.#deliver({ kind: "FollowFailed", channel, reason, detail });
      },
      report: (text) => this.#owner.report("info", text),
    });
    this.#followings.set(channel, following);
  }

  /** Asks until it is answered: 'there is no such entry' and 'no answer' are not the same. */
  async #readEntry({ id, channel, sequence }: Extract<Effect, { kind: "readEntry" }>) {
    let entry: LogEntry | null | undefined;
    for (let waitMs = retryMs.min; !this.#isStopped; waitMs = Math.min(waitMs * 2, retryMs.max)) {
      const read = await readStoredMessage(this.#ports.bus.link, logStreamOf(channel), sequence);
      const { ok } = read;
      if (ok && read.value !== null) {
        entry = logEntryOf(channel, read.value, read.value.header, read.value.body);
      }
      if (ok || read.reason === "refused") break;
      await delay(waitMs);
    }
    return { kind: "EntryRead", id, entry: entry ?? null } as const;
  }

  async #readHead(id: string, channel: string): Promise<Outcome> {
    return { kind: "HeadRead", id, result: await this.#head(channel) };
  }

  async #head(channel: string): Promise<Extract<Outcome, { kind: "HeadRead" }>["result"]> {
    const { link } = this.#ports.bus;
    const refused = { ok: false, reason: "refused" } as const;
    if (link.clustered) return refused;
    if (link.generation !== this.#comparedOn) {
      return unavailable({ detail: "a new connection: what was read is compared with the log" });
    }
    const read = await readStreamInfo(link, logStreamOf(channel));
    if (!read.ok) return unavailable(read);
    const { config, state } = read.value;
    return config.num_replicas > 1 ? refused : { ok: true, sequence: state.last_seq };
  }

  #publish({ message, messageId, connection }: Extract<Effect, { kind: "publish" }>): void {
    if (connection !== undefined && connection !== this.#ports.bus.link.generation) return;
    const { subject, headers, body } = envelopeOf(message, messageId);
    const sent = this.#ports.bus.link.publish(subject, body, { headers });
    if (sent.ok || sent.reason === "disconnected") return;
    const bytes = `${body.length} bytes are more than the server takes`;
    this.#owner.report("error", `${message.kind} for ${subject} is not sent: ${bytes}`);
  }

  #listen({ definitions, token, from }: Extract<Effect, { kind: "listen" }>): void {
    const end = this.#ports.bus.announcements.listen({
      definitions,
      token,
      from,
      announced: (message) => this.#deliver({ kind: "Announced", message }),
    });
    this.#endings.push(end);
  }

  async #createChannel(id: string, channel: string): Promise<Outcome> {
    if (!this.#ports.lease.isHeld()) return { kind: "ChannelCreated", id, result: leaseIsOver };
    const { link, streams } = this.#ports.bus;
    const result = doneOr(await createLogStream(link, channel, streams));
    return { kind: "ChannelCreated", id, result };
  }

  async #removeChannel(id: string, channel: string): Promise<Outcome> {
    if (!this.#ports.lease.isHeld()) return { kind: "ChannelRemoved", id, result: leaseIsOver };
    const result = doneOr(await removeLogStream(this.#ports.bus.link, channel));
    return { kind: "ChannelRemoved", id, result };
  }

  async #listChannels(id: string): Promise<Outcome> {
    const listed = await listLogs(this.#ports.bus.link);
    const result = listed.ok
      ? ({ ok: true, channels: listed.value } as const)
      : unavailable(listed);
    return { kind: "ChannelsListed", id, result };
  }

  async #purge(channel: string, through: number): Promise<void> {
    const result = await purgeStream(this.#ports.bus.link, logStreamOf(channel), through);
    // The next purge does what this one did not.
    if (!result.ok) this.#owner.report("warn", `not purged: ${result.detail}`);
  }

  #startTimer(id: string, afterMs: number): void {
    if (afterMs === 0) {
      setImmediate(() => void this.#deliver({ kind: "TimerFired", id }));
      return;
    }
    clearTimeout(this.#timers.get(id));
    const fire = () => {
      this.#timers.delete(id);
      void this.#deliver({ kind: "TimerFired", id });
    };
    this.#timers.set(id, setTimeout(fire, gridded(afterMs)));
  }

  /** Rows are read from the log no faster than the threads, and the actor, take them in. */
  async #roomToRead(channel: string): Promise<void> {
    const isFull = () => this.#computing >= computingMax || this.#held.has(channel);
    while (isFull() && !this.#isStopped) {
      await new Promise<void>((resolve) => this.#waitingForRoom.push(resolve));
    }
  }

  #release(channel: string): void {
    if (this.#held.delete(channel)) this.#giveRoom();
  }

  #giveRoom(): void {
    const waiting = this.#waitingForRoom;
    this.#waitingForRoom = [];
    for (const resume of waiting) resume();
  }

  async #compute(id: string, job: ComputeJob): Promise<Outcome> {
    this.#computing += 1;
    try {
      const value = await this.#ports.compute.run(job);
      return { kind: "Computed", id, result: { ok: true, value } };
    } catch (error) {
      return { kind: "Computed", id, result: { ok: false, detail: String(error) } };
    } finally {
      this.#computing -= 1;
      if (this.#computing < computingMax) this.#giveRoom();
    }
  }

  async #readCache({ id, key }: Extract<Effect, { kind: "readCache" }>): Promise<Outcome> {
    const bytes = await this.#ports.cache?.get(key);
    return { kind: "CacheRead", id, bytes: bytes ?? null };
  }

  #store(effect: StorageEffect): Promise<Outcome> {
    return this.#storage.execute(() => runStorageEffect(this.#ports, effect));
  }
}

/** What is not urgent fires together with what others wait for: each wake-up costs the process. */
function gridded(afterMs: number): number {
  if (afterMs < gridMs) return afterMs;
  const now = performance.now();
  const stepMs = afterMs < coarse.fromMs ? gridMs : coarse.gridMs;
  return Math.ceil((now + afterMs - gridSlackMs) / stepMs) * stepMs - now;
}

function doneOr(result: ApiResult<unknown>) {
  return result.ok ? ({ ok: true } as const) : unavailable(result);
}

function unavailable({ detail }: { readonly detail: string }): Unavailable {
  return { ok: false, reason: "unavailable", detail };
}
