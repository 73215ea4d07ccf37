// Runs an actor for each channel that this host was assigned, and ends those that it lost.
import { setTimeout as delay } from "node:timers/promises";
import { AssignmentsChanged, HostChanged } from "../messages/control.js";
import { type AssignmentRecord, assignmentRecord, parseRecord } from "../messages/records.js";
import { UnavailableError } from "../storage/errors.js";
import type { MetadataRecord, MetadataStore } from "../storage/metadata-store.js";
import type { RunnerPorts } from "./actor-runner.js";
import {
  type ActorContext,
  type ChangeDefinition,
  type ChannelRole,
  channelActor,
  type RunningActor,
} from "./actor-table.js";

/** Announcements may be lost: the assignments are listed this often besides. */
const listEveryMs = 5_000;
const drainMs = 5_000;

interface Assignments {
  readonly records: readonly MetadataRecord[];
  readonly assignments: readonly AssignmentRecord[];
}

interface Held {
  readonly actor: RunningActor;
  /** Until then the channel cannot begin here again. */
  isLeaving: boolean;
}

/** What a host itself hears and says, beside its actors: where channels are placed, how it is. */
export const hostMessages = {
  name: "host",
  accepts: [AssignmentsChanged, HostChanged],
  emits: [HostChanged],
} as const;

export class ChannelActors {
  readonly #roles: readonly ChannelRole[];
  readonly #context: ActorContext;
  readonly #ports: RunnerPorts;
  readonly #changed: ChangeDefinition | undefined;
  readonly #metadata: MetadataStore;
  /** By role and channel. */
  readonly #held = new Map<string, Held>();
  #stopListening: () => void = () => undefined;
  #timer: NodeJS.Timeout | null = null;
  #read: Assignments = { records: [], assignments: [] };
  #isListing = false;
  #isListingStale = false;
  #isStopped = false;

  constructor(
    roles: readonly ChannelRole[],
    context: ActorContext,
    ports: RunnerPorts,
    changed?: ChangeDefinition,
  ) {
    this.#roles = roles;
    this.#context = context;
    this.#ports = ports;
    this.#changed = changed;
    this.#metadata = ports.metadata;
  }

  start(): void {
    if (this.#roles.length === 0) return;
    this.#stopListening = this.#ports.bus.announcements.listen({
      definitions: [AssignmentsChanged],
      token: null,
      from: "new",
      announced: async () => this.#listSoon(),
    });
    this.#timer = setInterval(() => this.#listSoon(), listEveryMs);
    this.#listSoon();
  }

  get actors(): readonly RunningActor[] {
    return [...this.#held.values()].map(({ actor }) => actor);
  }

  ofChannels(role: ChannelRole, channels: readonly string[]): readonly RunningActor[] {
    return channels.flatMap((channel) => this.#held.get(nameOf(role, channel))?.actor ?? []);
  }

  /** Takes no more channels; resolves when all actors have ended. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isStopped = true;
    this.#stopListening();
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.actors.map((actor) => actor.drain(timeoutMs)));
  }

  /** One list at a time; what changes during one is seen by another. */
  #listSoon(): void {
    if (this.#isListing) {
      this.#isListingStale = true;
      return;
    }
    this.#isListing = true;
    void this.#list().finally(() => {
      this.#isListing = false;
      if (!this.#isListingStale) return;
      this.#isListingStale = false;
      this.#listSoon();
    });
  }

  async #list(): Promise<void> {
    try {
      const records = await this.#metadata.list("assignments.");
      if (!this.#isStopped) this.#reconcile(records);
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      // The actors go on; a change of placement waits until the store is back.
      await delay(listEveryMs / 10);
    }
  }

  #reconcile(records: readonly MetadataRecord[]): void {
    // Of an unchanged list, as it mostly is, a store may give the very same.
    if (records !== this.#read.records) {
      this.#read = { records, assignments: this.#assignmentsIn(records) };
    }
    const wanted = new Map<string, { role: ChannelRole; assignment: AssignmentRecord }>();
    for (const assignment of this.#read.assignments) {
      for (const role of this.#roles) {
        if (!isAssigned(role, assignment, this.#context.host)) continue;
        wanted.set(nameOf(role, assignment.channel), { role, assignment });
      }
    }
    for (const [name, held] of this.#held) if (!wanted.has(name)) this.#leave(name, held);
    for (const [name, { role, assignment }] of wanted) {
      if (this.#held.has(name)) continue;
      const start = channelActor(role, this.#context, assignment);
      const actor = start(this.#ports, this.#changed);
      this.#held.set(name, { actor, isLeaving: false });
    }
  }

  #assignmentsIn(records: readonly MetadataRecord[]): readonly AssignmentRecord[] {
    const assignments: AssignmentRecord[] = [];
    for (const { key, value } of records) {
      const parsed = parseRecord(assignmentRecord, value);
      if (parsed.ok) assignments.push(parsed.record);
      else this.#ports.report("error", "host", `${key} is unreadable: ${parsed.reason}`);
    }
    return assignments;
  }

  #leave(name: string, held: Held): void {
    if (held.isLeaving) return;
    held.isLeaving = true;
    void held.actor.drain(drainMs).then(() => {
      this.#held.delete(name);
      this.#listSoon();
    });
  }
}

function isAssigned(role: ChannelRole, assignment: AssignmentRecord, host: string): boolean {
  return role === "data" ? assignment.data === host : assignment.query.includes(host);
}

function nameOf(role: ChannelRole, channel: string): string {
  return `${role} ${channel}`;
}
