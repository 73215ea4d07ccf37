// A world in virtual time for actors under test: stores, a work queue, crashes, pauses, latencies.
import type { AnyMessage } from "../../src/messages/catalogue.js";
import type {
  ActorDefinition,
  Effect,
  MetadataEntry,
  Now,
  Outcome,
} from "../../src/system/actor.js";

// biome-ignore lint/suspicious/noExplicitAny: the world runs actors of any settings and state.
type AnyActor = ActorDefinition<any, any>;

export interface Node {
  readonly name: string;
  readonly actor: AnyActor;
  readonly settings: unknown;
  state: unknown;
  incarnation: string;
  isAlive: boolean;
  pausedUntilMs: number;
  backlog: Outcome[];
  credits: number;
  kinds: ReadonlySet<string>;
  /** Kinds of announcements that it listens to. */
  readonly hears: Set<string>;
  effectsLeft: number;
}

interface QueueItem {
  readonly id: string;
  readonly message: AnyMessage;
  deliveries: number;
  heldUntilMs: number;
}

export interface Published {
  readonly node: string;
  readonly atMs: number;
  readonly message: AnyMessage;
}

export interface WorldOptions {
  /** Uniform in [0, 1): the only source of chance. */
  readonly random: () => number;
  readonly latencyMsMax?: number;
  /** How often a store says 'unavailable'; half of those writes are done all the same. */
  readonly failureRate?: number;
  /** How often an acknowledgement is lost. */
  readonly lostAcknowledgements?: number;
  readonly ackWaitMs?: number;
  /** Looks at every effect at the moment at which it was decided. */
  readonly onEffect?: (node: Node, effect: Effect, now: Now) => void;
}

/** The same seed gives the same numbers (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class World {
  timeMs = 0;
  /** What the wall clock says beyond the virtual time. */
  wallOffsetMs = 1_700_000_000_000;
  failureRate: number;
  /** Effects that fail for certain, with nothing done. */
  failing: (effect: Effect) => boolean = () => false;
  /** How much longer than others an effect takes until it is done. */
  delayOf: (effect: Effect) => number = () => 0;
  /** Sees every effect when it is begun. */
  onPerform: (effect: Effect) => void = () => undefined;
  readonly nodes: Node[] = [];
  readonly metadata = new Map<string, { value: Uint8Array; revision: number }>();
  readonly objects = new Map<string, Uint8Array>();
  readonly channels = new Set<string>();
  readonly published: Published[] = [];
  readonly reports: string[] = [];
  readonly queue = new Map<string, QueueItem>();
  private readonly options: WorldOptions;
  private readonly events: { atMs: number; order: number; run: () => void }[] = [];
  private lastRevision = 0;
  private counter = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.failureRate = options.failureRate ?? 0;
  }

  schedule(afterMs: number, run: () => void): void {
    const event = { atMs: this.timeMs + afterMs, order: this.counter++, run };
    let at = this.events.length;
    while (at > 0 && (this.events[at - 1] as typeof event).atMs > event.atMs) at -= 1;
    this.events.splice(at, 0, event);
  }

  /** Runs everything that happens within the next `ms`. */
  run(ms: number): void {
    const endMs = this.timeMs + ms;
    for (;;) {
      const event = this.events[0];
      if (event === undefined || event.atMs > endMs) break;
      this.events.shift();
      this.timeMs = event.atMs;
      event.run();
    }
    this.timeMs = endMs;
  }

  now(): Now {
    return { monotonicMs: this.timeMs, wallMs: this.wallOffsetMs + this.timeMs };
  }

  addNode(name: string, actor: AnyActor, settings: unknown): Node {
    const node: Node = {
      name,
      actor,
      settings,
      state: null,
      incarnation: "",
      isAlive: false,
      pausedUntilMs: 0,
      backlog: [],
      credits: 0,
      kinds: new Set(),
      hears: new Set(),
      effectsLeft: Number.POSITIVE_INFINITY,
    };
    this.nodes.push(node);
    this.start(node);
    return node;
  }

  start(node: Node): void {
    node.incarnation = `${node.name}-${this.counter++}`;
    node.state = node.actor.initial(node.settings);
    node.isAlive = true;
    node.backlog = [];
    node.credits = 0;
    node.hears.clear();
    node.effectsLeft = Number.POSITIVE_INFINITY;
    this.deliver(node, node.incarnation, { kind: "Started", incarnation: node.incarnation });
  }

  crash(node: Node): void {
    node.isAlive = false;
    node.credits = 0;
  }

  /** As a frozen process: it hears and does nothing until it goes on, and then all at once. */
  pause(node: Node, ms: number): void {
    node.pausedUntilMs = this.timeMs + ms;
    this.schedule(ms, () => {
      if (node.pausedUntilMs > this.timeMs) return;
      const { backlog, incarnation } = node;
      node.backlog = [];
      for (const outcome of backlog) this.deliver(node, incarnation, outcome);
    });
  }

  /** The host takes nothing more from the queue for an actor that is to end. */
  stop(node: Node): void {
    node.credits = 0;
    this.deliver(node, node.incarnation, { kind: "Stopping" });
  }

  enqueue(message: AnyMessage): string {
    const id = `m${this.counter++}`;
    this.queue.set(id, { id, message, deliveries: 0, heldUntilMs: 0 });
    this.schedule(0, () => this.pump());
    return id;
  }

  store(key: string, value: Uint8Array): void {
    this.lastRevision += 1;
    this.metadata.set(key, { value, revision: this.lastRevision });
  }

  private deliver(node: Node, incarnation: string, outcome: Outcome): void {
    if (!node.isAlive || node.incarnation !== incarnation) return;
    if (node.pausedUntilMs > this.timeMs) {
      node.backlog.push(outcome);
      return;
    }
    const now = this.now();
    node.actor.apply(node.state, outcome, now);
    for (const effect of node.actor.decide(node.state, now)) {
      if (!node.isAlive || node.incarnation !== incarnation) return;
      this.options.onEffect?.(node, effect, now);
      if (node.effectsLeft <= 0) return this.crash(node);
      node.effectsLeft -= 1;
      this.perform(node, effect);
    }
  }

  private perform(node: Node, effect: Effect): void {
    const { incarnation } = node;
    this.onPerform(effect);
    switch (effect.kind) {
      case "publish":
        this.published.push({ node: node.name, atMs: this.timeMs, message: effect.message });
        this.announce(effect.message);
        return;
      case "listen":
        for (const { kind } of effect.definitions) node.hears.add(kind);
        return;
      case "report":
        this.reports.push(`${effect.level}: ${effect.text}`);
        return;
      case "take":
        node.credits += effect.credits;
        node.kinds = new Set(effect.definitions.map((definition) => definition.kind));
        this.schedule(0, () => this.pump());
        return;
      case "acknowledge":
        if (this.options.random() >= (this.options.lostAcknowledgements ?? 0)) {
          this.queue.delete(effect.delivery.split("/")[0] as string);
        }
        return;
      case "extend":
        this.hold(effect.delivery.split("/")[0] as string);
        return;
      case "restart":
        this.crash(node);
        this.schedule(effect.afterMs, () => {
          if (!node.isAlive) this.start(node);
        });
        return;
      case "timer":
        this.schedule(effect.afterMs, () =>
          this.deliver(node, incarnation, { kind: "TimerFired", id: effect.id }),
        );
        return;
      default:
        this.schedule(this.latency() + this.delayOf(effect), () => {
          const outcome = this.outcomeOf(effect);
          this.schedule(this.latency(), () => this.deliver(node, incarnation, outcome));
        });
    }
  }

  /** To all that listen to its kind, whatever token they have asked for. */
  announce(message: AnyMessage): void {
    for (const node of this.nodes.filter(({ hears }) => hears.has(message.kind))) {
      const { incarnation } = node;
      this.schedule(this.latency(), () =>
        this.deliver(node, incarnation, { kind: "Announced", message }),
      );
    }
  }

  private latency(): number {
    return this.options.random() * (this.options.latencyMsMax ?? 0);
  }

  /** Does it, or not, and says so, or not. */
  private outcomeOf(effect: Effect): Outcome {
    const isRefused = this.failing(effect);
    const isFailing = isRefused || this.options.random() < this.failureRate;
    const isDone = !isFailing || (!isRefused && this.options.random() < 0.5);
    const outcome = this.outcomeOfDone(effect, isDone);
    if (!isFailing || !("result" in outcome)) return outcome;
    const result = { ok: false, reason: "unavailable", detail: "the store is away" };
    return { ...outcome, result } as Outcome;
  }

  private outcomeOfDone(effect: Effect, isDone: boolean): Outcome {
    switch (effect.kind) {
      case "readMetadata": {
        const entry = this.entry(effect.key);
        return { kind: "MetadataRead", id: effect.id, result: { ok: true, entry } };
      }
      case "listMetadata": {
        const keys = [...this.metadata.keys()].filter((key) => key.startsWith(effect.prefix));
        const entries = keys.flatMap((key) => this.entry(key) ?? []);
        return { kind: "MetadataListed", id: effect.id, result: { ok: true, entries } };
      }
      case "writeMetadata": {
        const result = isDone ? this.write(effect) : ({ ok: false, reason: "conflict" } as const);
        return { kind: "MetadataWritten", id: effect.id, result };
      }
      case "createChannel":
        if (isDone) this.channels.add(effect.channel);
        return { kind: "ChannelCreated", id: effect.id, result: { ok: true } };
      case "removeChannel":
        if (isDone) this.channels.delete(effect.channel);
        return { kind: "ChannelRemoved", id: effect.id, result: { ok: true } };
      case "listChannels": {
        const result = { ok: true, channels: [...this.channels] } as const;
        return { kind: "ChannelsListed", id: effect.id, result };
      }
      case "listObjects": {
        const keys = [...this.objects.keys()].filter((key) => key.startsWith(effect.prefix));
        return { kind: "ObjectsListed", id: effect.id, result: { ok: true, keys } };
      }
      case "deleteObject":
        if (isDone) this.objects.delete(effect.key);
        return { kind: "ObjectDeleted", id: effect.id, result: { ok: true } };
      default:
        throw new Error(`the world knows no ${effect.kind}`);
    }
  }

  private entry(key: string): MetadataEntry | null {
    const stored = this.metadata.get(key);
    return stored === undefined ? null : { key, ...stored };
  }

  /** As the port's contract has it: our own bytes at a later revision are our own write. */
  private write(effect: Extract<Effect, { kind: "writeMetadata" }>) {
    const stored = this.metadata.get(effect.key);
    if ((stored?.revision ?? null) === effect.revision) {
      if (effect.value === null) this.metadata.delete(effect.key);
      else this.store(effect.key, effect.value);
      return { ok: true, revision: this.lastRevision } as const;
    }
    if (effect.value === null && stored === undefined) return { ok: true, revision: 0 } as const;
    const isOwn =
      effect.value !== null &&
      stored !== undefined &&
      stored.revision > (effect.revision ?? 0) &&
      Buffer.compare(stored.value, effect.value) === 0;
    if (isOwn) return { ok: true, revision: stored.revision } as const;
    return { ok: false, reason: "conflict" } as const;
  }

  private hold(id: string): void {
    const item = this.queue.get(id);
    if (item === undefined) return;
    const waitMs = this.options.ackWaitMs ?? 5_000;
    item.heldUntilMs = this.timeMs + waitMs;
    this.schedule(waitMs, () => this.pump());
  }

  private pump(): void {
    for (const item of this.queue.values()) {
      if (item.heldUntilMs > this.timeMs) continue;
      const takers = this.nodes.filter(
        (node) => node.credits > 0 && node.kinds.has(item.message.kind),
      );
      const taker = takers[Math.floor(this.options.random() * takers.length)];
      if (taker === undefined) continue;
      taker.credits -= 1;
      item.deliveries += 1;
      this.hold(item.id);
      const { incarnation } = taker;
      const { message, deliveries } = item;
      const delivery = `${item.id}/${deliveries}`;
      this.schedule(this.latency(), () =>
        this.deliver(taker, incarnation, { kind: "Delivered", delivery, deliveries, message }),
      );
    }
  }
}
