// One reader of one channel's log inside a process: in order, from a position on, over reconnects.
import type { LogPosition } from "../system/actor.js";
import type { RunningActor } from "./running-actor.js";
import { timings } from "./scenario.js";
import { entryAt, type StoredLog } from "./stored-log.js";
import type { World } from "./world.js";

/** A replica that is busy or far away falls behind the others, seldom behind two purges. */
function lagMs(world: World): number {
  if (!world.strikes("followerLags")) return 0;
  const { random, scenario } = world;
  const isLong = random.chance(scenario.longLags ?? 0.1);
  return random.next() * (isLong ? 2 * timings.duplicateWindowMs : 3_000);
}

export class LogFollower {
  readonly #actor: RunningActor;
  readonly #channel: string;
  #position: LogPosition | null;
  #hasStarted = false;
  #isOver = false;
  /** Counts the openings: what an earlier one had on its way is dropped. */
  #opening = 0;
  #isBusy = false;
  #isHeld = false;
  #log: StoredLog | null = null;
  readonly #watch = () => this.#pump();

  constructor(actor: RunningActor, channel: string, after: LogPosition | null) {
    this.#actor = actor;
    this.#channel = channel;
    this.#position = after;
  }

  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#pump();
  }

  open(): void {
    const { host } = this.#actor;
    const opening = ++this.#opening;
    this.#isBusy = false;
    this.#unwatch();
    host.send(host.world.delay(), () => {
      host.receive(host.world.delay(), () => {
        if (opening === this.#opening && !this.#isOver) this.#opened();
      });
    });
  }

  #opened(): void {
    const log = this.#actor.host.world.broker.find(this.#channel);
    if (log === undefined) return this.#fail("missing");
    const failure = this.#compare(log);
    if (failure !== null) return this.#fail(failure);
    this.#log = log;
    log.watchers.add(this.#watch);
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      const { last: lastSequence } = log;
      this.#actor.tell({ kind: "FollowStarted", channel: this.#channel, lastSequence });
    }
    this.#pump();
  }

  #compare(log: StoredLog): "purged" | "damaged" | null {
    const position = this.#position;
    const next = (position?.sequence ?? 0) + 1;
    const wrongly = this.#actor.host.world.mutant?.host;
    if (log.first > next) return wrongly?.skipsHoles ? null : "purged";
    if (position === null || position.sequence === 0) return null;
    if (log.last < position.sequence) return "damaged";
    const stored = entryAt(log, position.sequence);
    if (wrongly?.comparesSequenceOnly) return null;
    if (stored === null) return wrongly?.skipsHoles ? null : "purged";
    return stored.appendedAtUs === position.appendedAtUs ? null : "damaged";
  }

  #pump(): void {
    if (this.#isBusy || this.#isHeld || this.#isOver || this.#log === null) return;
    const log = this.#log;
    const { host } = this.#actor;
    if (host.world.broker.find(this.#channel) !== log) return this.#reopen();
    let next = (this.#position?.sequence ?? 0) + 1;
    if (log.first > next) {
      if (host.world.mutant?.host?.skipsHoles !== true) return this.#reopen();
      next = log.first;
    }
    const entry = entryAt(log, next);
    if (entry === null) return;
    this.#isBusy = true;
    const opening = this.#opening;
    const { world } = host;
    host.receive(lagMs(world) + world.delay(), () => {
      if (opening !== this.#opening || this.#isOver) return;
      this.#isBusy = false;
      this.#position = { sequence: entry.sequence, appendedAtUs: entry.appendedAtUs };
      this.#actor.tell({ kind: "LogEntryRead", entry });
      this.#pump();
    });
  }

  /** Something is not as it was: the position is compared anew. */
  #reopen(): void {
    this.#unwatch();
    this.open();
  }

  #fail(reason: "purged" | "damaged" | "missing"): void {
    this.stop();
    const detail = "simulated";
    this.#actor.tell({ kind: "FollowFailed", channel: this.#channel, reason, detail });
  }

  #unwatch(): void {
    this.#log?.watchers.delete(this.#watch);
    this.#log = null;
  }

  stop(): void {
    this.#isOver = true;
    this.#unwatch();
  }
}
