// How a host gives away what it runs: others have it before it lets go, and it says how far it is.
import { setTimeout as delay } from "node:timers/promises";
import { HostChanged } from "../messages/control.js";
import {
  type HostRecord,
  hostKey,
  hostRecord,
  isToDrain,
  parseRecord,
  type Role,
} from "../messages/records.js";
import { createHosts, type Hosts, observeSessions, rolesOfStaying } from "../placement/hosts.js";
import { UnavailableError } from "../storage/errors.js";
import type { MetadataStore } from "../storage/metadata-store.js";
import type { Announcements } from "./announcements.js";
import type { ChannelActors } from "./channel-actors.js";
import type { HostActors } from "./host-actors.js";
import type { Session } from "./session.js";

export interface DepartureParts {
  readonly host: string;
  readonly ttlMs: number;
  readonly metadata: MetadataStore;
  readonly announcements: Announcements;
  readonly session: Session;
  readonly actors: HostActors;
  readonly channels: ChannelActors;
  report(level: "info" | "warn" | "error", text: string): void;
}

/** Announcements may be lost: the wish is read this often besides. */
const lookEveryMs = 5_000;
const stepMs = 200;
/** What clients were promised is kept as long as they may wait for it. */
const patienceMs = 30_000;
const noRoles: ReadonlySet<Role> = new Set();

/** What is still here, and whether anybody is there who could take some of it. */
interface Left {
  readonly texts: readonly string[];
  readonly isMoving: boolean;
}

export class Departure {
  readonly #parts: DepartureParts;
  /** Who lives is seen before it matters: clocks of other machines say nothing about it. */
  readonly #hosts: Hosts;
  #isLeaving = false;
  /** Giving away and coming back take turns: what is being ended cannot be started yet. */
  #turn: Promise<void> = Promise.resolve();
  #isStopped = false;
  #stopListening: () => void = () => undefined;
  #timer: NodeJS.Timeout | null = null;
  #tellEmpty: () => void = () => undefined;
  /** Resolves when the host is empty and was to end then. */
  readonly emptied = new Promise<void>((done) => {
    this.#tellEmpty = done;
  });

  constructor(parts: DepartureParts) {
    this.#parts = parts;
    this.#hosts = createHosts(parts.ttlMs);
  }

  start(): void {
    this.#stopListening = this.#parts.announcements.listen({
      definitions: [HostChanged],
      token: this.#parts.host,
      from: "new",
      announced: () => this.#look(),
    });
    this.#timer = setInterval(() => void this.#look(), lookEveryMs);
    void this.#look();
  }

  /** For a process that was told to end: as far as it comes in this time. */
  async hurry(withinMs: number): Promise<void> {
    this.#isStopped = true;
    this.#stopListening();
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#isLeaving = true;
    await Promise.race([this.#leave(withinMs, true), delay(withinMs, undefined, { ref: false })]);
    this.#isLeaving = false;
  }

  async #look(): Promise<void> {
    const [wish] = await Promise.all([this.#readWish(), this.#observeHosts()]);
    if (wish === undefined || this.#isStopped) return;
    const isWanted = wish !== null && isToDrain(wish, this.#parts.session);
    if (isWanted === this.#isLeaving) return;
    this.#isLeaving = isWanted;
    this.#turn = this.#turn.then(() => (isWanted ? this.#giveAway(wish) : this.#comeBack()));
  }

  async #giveAway({ endsRun }: HostRecord): Promise<void> {
    if (!this.#isLeaving) return;
    this.#parts.report("info", "is drained: what it runs moves to other hosts");
    const isEmpty = await this.#leave(patienceMs, false);
    if (isEmpty && endsRun !== null) this.#tellEmpty();
  }

  /** Undefined while nobody can tell. */
  async #readWish(): Promise<HostRecord | null | undefined> {
    const stored = await this.#attempt(() => this.#parts.metadata.get(hostKey(this.#parts.host)));
    if (!stored.ok) return undefined;
    if (stored.value === undefined) return null;
    const parsed = parseRecord(hostRecord, stored.value.value);
    return parsed.ok ? parsed.record : null;
  }

  async #comeBack(): Promise<void> {
    if (this.#isLeaving) return;
    this.#parts.report("info", "is not drained any more");
    await this.#parts.actors.start();
    await this.#parts.session.setDrain(null);
  }

  /** True when nothing is left; in a hurry it does not wait for who is not there. */
  async #leave(withinMs: number, isInHurry: boolean): Promise<boolean> {
    const { session } = this.#parts;
    await session.setDrain({ phase: "draining", left: [] });
    while (this.#isLeaving) {
      const { texts, isMoving } = await this.#step(withinMs);
      if (!this.#isLeaving) return false;
      await session.setDrain({
        phase: texts.length === 0 ? "drained" : "draining",
        left: [...texts],
      });
      if (texts.length === 0) return true;
      if (isInHurry && !isMoving) return false;
      await delay(stepMs);
    }
    return false;
  }

  async #step(withinMs: number): Promise<Left> {
    const isKnown = await this.#observeHosts();
    const others = isKnown ? rolesOfStaying(this.#hosts, this.#parts.host) : noRoles;
    const { actors, channels } = this.#parts;
    const mayGo = (role: Role) => role === "index" || others.has(role);
    await Promise.all(actors.roles.filter(mayGo).map((role) => actors.leave(role, withinMs)));
    const alone = (role: Role) => `no other host with the role ${role} is there to stay`;
    const texts = actors.roles.map(alone);
    const held = channels.actors;
    for (const { name } of held) texts.push(name);
    const isMoving = held.some(({ status }) => others.has(roleOf(status.actor)));
    for (const role of new Set(held.map(({ status }) => roleOf(status.actor)))) {
      if (!others.has(role)) texts.push(alone(role));
    }
    return { texts, isMoving };
  }

  /**
   * False while nobody can tell, or our own word cannot be read yet: of two that leave at once each
   * then sees the other's, so that they do not count on one another.
   */
  async #observeHosts(): Promise<boolean> {
    const listed = await this.#attempt(() => this.#parts.metadata.list("sessions."));
    if (!listed.ok) return false;
    observeSessions(this.#hosts, listed.value, performance.now());
    return Boolean(this.#hosts.seen.get(this.#parts.host)?.session.drain);
  }

  async #attempt<Value>(
    ask: () => Promise<Value>,
  ): Promise<{ readonly ok: true; readonly value: Value } | { readonly ok: false }> {
    try {
      return { ok: true, value: await ask() };
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      return { ok: false };
    }
  }
}

function roleOf(actor: string): Role {
  return actor === "data-worker" ? "data" : "query";
}
