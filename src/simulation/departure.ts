// How a simulated host gives away what it runs, when the records say that an operator wants it to.
import {
  type DrainProgress,
  decodeRecord,
  type HostRecord,
  hostKey,
  hostRecord,
  isToDrain,
  type Role,
  sessionKey,
} from "../messages/records.js";
import { createHosts, observeSessions, rolesOfStaying } from "../placement/hosts.js";
import type { Host } from "./host.js";
import { reached } from "./metadata-fake.js";
import { timings } from "./scenario.js";

/** What a host runs, as its departure sees it. */
export interface Departing {
  readonly host: Host;
  /** This run's own time of its start. */
  readonly startedAtMs: number;
  /** Of the actors that run once, those that run. */
  readonly singletons: readonly Role[];
  /** How many workers of channels are still here. */
  readonly places: number;
  leave(role: Role): void;
  comeBack(): void;
  /** The session is written at once. */
  tell(): void;
}

const lookEveryMs = 400;
/** In which the word of the last change leaves the process that ends. */
const lastWordMs = 300;
const noRoles: ReadonlySet<Role> = new Set();

export class Departure {
  readonly #of: Departing;
  readonly #hosts = createHosts(timings.sessionTtlMs);
  progress: DrainProgress | null = null;

  constructor(departing: Departing) {
    this.#of = departing;
  }

  look(): void {
    const { host } = this.#of;
    const { world } = host;
    host.reach(world.delay(), () => {
      const seen = reached(
        () => ({
          wish: world.metadata.read(hostKey(host.name)),
          others: this.#rolesOfOthers(),
        }),
        null,
      );
      if (seen === null) return;
      const wish = seen.wish === null ? null : decodeRecord(hostRecord, seen.wish.value);
      host.post(world.delay(), () => this.#follow(wish, seen.others));
    });
    host.post(lookEveryMs, () => this.look());
  }

  /** None until its own word can be read: of two that leave, each then sees the other's. */
  #rolesOfOthers(): ReadonlySet<Role> {
    const { name, now, world } = this.#of.host;
    observeSessions(this.#hosts, world.metadata.list("sessions."), now.monotonicMs);
    return this.#hosts.seen.get(name)?.session.drain ? rolesOfStaying(this.#hosts, name) : noRoles;
  }

  #follow(wish: HostRecord | null, others: ReadonlySet<Role>): void {
    const { host } = this.#of;
    const isWanted = wish !== null && isToDrain(wish, this.#of);
    if (!isWanted) {
      if (this.progress === null) return;
      host.world.trace.line(`${host.name} is not drained any more`);
      this.progress = null;
      this.#of.comeBack();
      return this.#of.tell();
    }
    for (const role of this.#of.singletons) {
      if (role === "index" || others.has(role)) this.#of.leave(role);
    }
    const left = [...this.#of.singletons, ...Array(this.#of.places).fill("a channel")];
    const phase = left.length === 0 ? "drained" : "draining";
    const isNews = this.progress?.phase !== phase;
    this.progress = { phase, left };
    if (!isNews) return;
    host.world.trace.line(`${host.name} is ${phase}`);
    this.#of.tell();
    if (phase === "drained" && wish.endsRun !== null) this.#end();
  }

  #end(): void {
    const { host } = this.#of;
    host.post(lastWordMs, () => {
      if (this.progress?.phase !== "drained") return;
      sayGoodbye(host);
      host.isGone = host.isLeaving;
      host.crash();
    });
  }
}

/** A session that stays counts as one until its TTL is over. */
function sayGoodbye({ name, world }: Host): void {
  reached(() => {
    const session = world.metadata.read(sessionKey(name));
    return session === null ? null : world.metadata.write(session.key, null, session.revision);
  }, null);
}
