// A simulated process: it crashes, freezes and loses its connection, and runs actors while it can.

import type { Role } from "../messages/records.js";
import type { Now } from "../system/actor.js";
import { LogPublisher } from "./log-publisher.js";
import type { RunningActor } from "./running-actor.js";
import { timings } from "./scenario.js";
import type { World } from "./world.js";

/** The connection to NATS, as the process sees it and as the server does. */
export interface Link {
  /** What the process believes. */
  connected: boolean;
  /** One more with every connection that the process knows it lost. */
  generation: number;
  /** Whether the server still takes what is sent on it. */
  alive: boolean;
}

type Task = () => void | Promise<void>;

export class Host {
  readonly world: World;
  readonly name: string;
  readonly roles: readonly Role[];
  /** Which run of the process this is; events of earlier ones are dropped. */
  run = 0;
  isUp = false;
  isPaused = false;
  /** It will not be started again. */
  isGone = false;
  /** It will be gone when it was drained and has ended. */
  isLeaving = false;
  wallSkewMs = 0;
  leaseUntilMs = 0;
  link: Link = { connected: false, generation: 1, alive: false };
  readonly actors = new Map<string, RunningActor>();
  publisher: LogPublisher;
  #deferred: Task[] = [];
  #startedAtMs = 0;
  /** When it last froze or thawed: what it saw before is old. */
  frozeAtMs = Number.NEGATIVE_INFINITY;
  readonly #onStart: (host: Host) => void;

  constructor(world: World, name: string, roles: readonly Role[], onStart: (host: Host) => void) {
    this.world = world;
    this.name = name;
    this.roles = roles;
    this.#onStart = onStart;
    this.publisher = new LogPublisher(this);
  }

  /** A process's monotonic clock begins anywhere, and knows nothing of other processes. */
  get now(): Now {
    const { nowMs, wallMs } = this.world;
    return {
      monotonicMs: 1_000 + nowMs - this.#startedAtMs,
      wallMs: Math.floor(wallMs + this.wallSkewMs),
    };
  }

  get hasLease(): boolean {
    return this.now.monotonicMs < this.leaseUntilMs;
  }

  start(): void {
    this.run += 1;
    this.isUp = true;
    this.isPaused = false;
    this.#startedAtMs = this.world.nowMs;
    this.leaseUntilMs = 0;
    this.link = { connected: true, generation: 1, alive: this.world.broker.isUp };
    this.publisher = new LogPublisher(this);
    this.world.trace.line(`${this.name} starts`);
    if (!this.link.alive) this.#noticeCutLater();
    this.#onStart(this);
  }

  crash(): void {
    if (!this.isUp) return;
    this.world.trace.line(`${this.name} crashes`);
    this.run += 1;
    this.isUp = false;
    this.isPaused = false;
    this.link.alive = false;
    this.#deferred = [];
    for (const actor of this.actors.values()) actor.end();
    this.actors.clear();
  }

  pause(forMs: number): void {
    if (!this.isUp || this.isPaused) return;
    const { run } = this;
    this.world.trace.line(`${this.name} freezes for ${Math.round(forMs)} ms`);
    this.isPaused = true;
    this.frozeAtMs = this.world.nowMs;
    const { link } = this;
    this.world.after(timings.silenceMs, () => {
      if (this.run === run && this.isPaused) link.alive = false;
    });
    this.world.after(forMs, () => (this.run === run ? this.thaw() : undefined));
  }

  async thaw(): Promise<void> {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.frozeAtMs = this.world.nowMs;
    this.world.trace.line(`${this.name} thaws`);
    const deferred = this.#deferred;
    this.#deferred = [];
    const { run } = this;
    for (const task of deferred) if (this.run === run) await task();
    if (!this.link.alive) this.#noticeCutLater();
  }

  /** Something happens inside the process, unless it has died, and not before it thaws. */
  post(delayMs: number, task: Task): void {
    const { run } = this;
    this.world.after(delayMs, () => this.#runNow(run, task));
  }

  #runNow(run: number, task: Task): void | Promise<void> {
    if (this.run !== run) return;
    if (this.isPaused) {
      this.#deferred.push(task);
      return;
    }
    return task();
  }

  /** From the server to the process, over the connection as it is. */
  receive(delayMs: number, task: Task): void {
    const { link, run } = this;
    this.world.after(delayMs, () => {
      if (!link.alive || this.link !== link) return;
      return this.#runNow(run, task);
    });
  }

  /** From the process to the server. What a dying process sent may have left it or not. */
  send(delayMs: number, task: () => void): void {
    const { link, run } = this;
    this.world.after(delayMs, () => {
      if (!this.world.broker.isUp) return;
      if (this.run !== run ? this.world.random.chance(0.5) : link.alive) task();
    });
  }

  /** To a store with connections of its own: a frozen process may have sent it or not. */
  reach(delayMs: number, task: Task): void {
    const { run } = this;
    this.world.after(delayMs, () => {
      const { random } = this.world;
      if (this.run !== run) return random.chance(0.5) ? task() : undefined;
      if (this.isPaused && random.chance(0.5)) {
        this.#deferred.push(task);
        return;
      }
      return task();
    });
  }

  /** The connection ends; the process hears of it a little later, or when it thaws. */
  cut(): void {
    if (!this.isUp || !this.link.alive) return;
    this.link.alive = false;
    if (!this.isPaused) this.#noticeCutLater();
  }

  #noticeCutLater(): void {
    const { link } = this;
    this.post(1 + this.world.random.next() * 30, () => {
      if (this.link !== link || !link.connected) return;
      this.world.trace.line(`${this.name} is disconnected`);
      link.connected = false;
      link.generation += 1;
      this.publisher.disconnected();
      this.#reconnectLater();
    });
  }

  #reconnectLater(): void {
    this.post(20 + this.world.random.next() * 800, () => {
      if (!this.world.broker.isUp) return this.#reconnectLater();
      const { generation } = this.link;
      this.link = { connected: true, generation, alive: true };
      this.world.trace.line(`${this.name} is connected again`);
      this.publisher.resume();
      for (const actor of [...this.actors.values()]) actor.resumed(generation);
    });
  }
}
