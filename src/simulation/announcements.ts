// The control stream and the replies: what is told to whoever listens, and what gets lost.
import type { AnyDefinition, AnyMessage } from "../messages/catalogue.js";
import { filterOf } from "../system/streams.js";
import type { RunningActor } from "./running-actor.js";
import { copyOf, subjectOf } from "./wire.js";
import type { World } from "./world.js";

interface Listener {
  readonly actor: RunningActor;
  readonly filter: string;
  readonly kinds: ReadonlySet<string>;
  readonly isForReplies: boolean;
  readonly run: number;
}

interface Announced {
  readonly subject: string;
  readonly message: AnyMessage;
}

const keptMax = 4_096;
/** An announcement that is late comes after others that were made later. */
const lateMs = 4_000;

export class Announcements {
  readonly #world: World;
  #listeners: Listener[] = [];
  readonly #kept: Announced[] = [];
  /** Hears every reply beside whom it is for: the auditor asks the replicas one by one. */
  overhear: (message: AnyMessage) => void = () => undefined;

  constructor(world: World) {
    this.#world = world;
  }

  listen(
    actor: RunningActor,
    definitions: readonly AnyDefinition[],
    token: string | null,
    from: "oldest" | "new",
  ): void {
    const listener: Listener = {
      actor,
      filter: filterOf(definitions, token),
      kinds: new Set(definitions.map(({ kind }) => kind)),
      isForReplies: definitions.every(({ durability }) => durability === "reply"),
      run: actor.host.run,
    };
    this.#listeners = this.#listeners.filter(
      (other) => !other.actor.isOver && other.run === other.actor.host.run,
    );
    this.#listeners.push(listener);
    if (from === "new") return;
    for (const announced of this.#kept) this.#tell(listener, announced);
  }

  announce(message: AnyMessage): void {
    const announced = { subject: subjectOf(message), message };
    this.#kept.push(announced);
    if (this.#kept.length > keptMax) this.#kept.shift();
    this.#tellAll(announced, false);
  }

  reply(message: AnyMessage): void {
    this.overhear(message);
    if (this.#world.strikes("replyLost")) return;
    this.#tellAll({ subject: subjectOf(message), message }, true);
  }

  #tellAll(announced: Announced, isReply: boolean): void {
    for (const listener of this.#listeners) {
      if (listener.isForReplies !== isReply) continue;
      if (!isReply && this.#world.strikes("announcementLost")) continue;
      this.#tell(listener, announced);
      if (!isReply && this.#world.strikes("announcementRepeated")) {
        this.#tell(listener, announced, this.#world.random.next() * lateMs);
      }
    }
  }

  #tell(listener: Listener, { subject, message }: Announced, lateByMs = 0): void {
    const { actor, filter, kinds } = listener;
    if (actor.isOver || !kinds.has(message.kind) || !covers(filter, subject)) return;
    actor.host.receive(lateByMs + this.#world.delay(), () => {
      actor.tell({ kind: "Announced", message: copyOf(message) });
    });
  }
}

export function covers(filter: string, subject: string): boolean {
  const parts = subject.split(".");
  const wanted = filter.split(".");
  return (
    parts.length === wanted.length && wanted.every((part, n) => part === "*" || part === parts[n])
  );
}
