// Runs what a host is to run: the actors of its roles, and a worker for each channel it was given.
import { coordinator } from "../actors/coordinator.js";
import { dataWorker } from "../actors/data-worker.js";
import { indexWorker } from "../actors/index-worker.js";
import { proxy } from "../actors/proxy.js";
import { queryWorker } from "../actors/query-worker.js";
import { timestampOracle } from "../actors/timestamp-oracle.js";
import {
  type ActorStatus,
  type AssignmentRecord,
  assignmentRecord,
  decodeRecord,
  encodeRecord,
  type Role,
  type SessionRecord,
  sessionKey,
} from "../messages/records.js";
import { entryBytesMax } from "../system/streams.js";
import { Departure } from "./departure.js";
import type { Host } from "./host.js";
import { reached } from "./metadata-fake.js";
import { type AnyActor, RunningActor } from "./running-actor.js";
import { timings } from "./scenario.js";

interface Wanted {
  readonly definition: AnyActor;
  readonly settings: object;
}

const { sessionTtlMs: ttlMs, duplicateWindowMs, objectGraceMs, quietMs } = timings;

const proxyBounds = { requestsMax: 64, entryBytesMax, channelBytesMax: 2 ** 40 };

/** What is started once per host. */
function singletons({ name: host, world }: Host): Partial<Record<Role, Wanted>> {
  const leader = { host, sessionTtlMs: ttlMs };
  const gathersFrom = world.scenario.gathersFrom || Number.POSITIVE_INFINITY;
  return {
    proxy: { definition: proxy, settings: { ...proxyBounds, gathersFrom, proxy: host } },
    coordinator: {
      definition: coordinator,
      settings: {
        ...leader,
        ackWaitMs: timings.commandAckWaitMs,
        relistMs: 10_000,
        orphanGraceMs: objectGraceMs,
      },
    },
    oracle: { definition: timestampOracle, settings: leader },
    index: { definition: indexWorker, settings: { host, ackWaitMs: timings.taskAckWaitMs } },
  };
}

export function startAgent(host: Host): void {
  const agent = new HostAgent(host);
  agent.begin();
}

class HostAgent {
  readonly #host: Host;
  readonly #startedAtMs: number;
  readonly #wanted = new Map<string, Wanted>();
  readonly #departure: Departure;

  constructor(host: Host) {
    this.#host = host;
    this.#startedAtMs = host.now.wallMs;
    this.#departure = this.#departureOf();
  }

  begin(): void {
    const { roles } = this.#host;
    this.#startSingletons();
    this.#beat();
    this.#departure.look();
    if (roles.includes("query") || roles.includes("data")) this.#lookAtAssignments();
  }

  #startSingletons(): void {
    const all = singletons(this.#host);
    for (const role of this.#host.roles) {
      const wanted = all[role];
      if (wanted !== undefined && !this.#wanted.has(role)) this.#want(role, wanted);
    }
  }

  #departureOf(): Departure {
    const wanted = this.#wanted;
    const { roles } = this.#host;
    const running = () => roles.filter((role) => wanted.has(role));
    return new Departure({
      host: this.#host,
      startedAtMs: this.#startedAtMs,
      get singletons() {
        return running();
      },
      get places() {
        return wanted.size - running().length;
      },
      leave: (role) => this.#unwant(role),
      comeBack: () => this.#startSingletons(),
      tell: () => this.#tell(),
    });
  }

  #want(name: string, wanted: Wanted): void {
    this.#wanted.set(name, wanted);
    this.#startActor(name, wanted);
  }

  #startActor(name: string, wanted: Wanted): void {
    const restart = (afterMs: number) => {
      this.#host.post(afterMs, () => {
        if (this.#wanted.get(name) === wanted) this.#startActor(name, wanted);
      });
    };
    const { definition, settings } = wanted;
    const actor = new RunningActor(this.#host, name, definition, settings, restart);
    this.#host.actors.set(name, actor);
  }

  #unwant(name: string): void {
    this.#wanted.delete(name);
    const actor = this.#host.actors.get(name);
    this.#host.actors.delete(name);
    if (actor !== undefined && !actor.isOver) actor.stop();
  }

  #beat(): void {
    this.#tell();
    this.#host.post(ttlMs / 3, () => this.#beat());
  }

  /** The lease counts from the moment in which the renewal was sent. */
  #tell(): void {
    const host = this.#host;
    const sentAtMs = host.now.monotonicMs;
    const { world } = host;
    const record = encodeRecord(this.#session());
    if (world.crashes?.session(host, "before")) return;
    host.reach(world.delay(), () => {
      if (!this.#writeSession(record)) return;
      host.post(world.delay(), () => {
        if (world.crashes?.session(host, "after")) return;
        host.leaseUntilMs = sentAtMs + ttlMs * 0.8;
      });
    });
  }

  #writeSession(record: Uint8Array): boolean {
    const { metadata } = this.#host.world;
    const key = sessionKey(this.#host.name);
    return reached(() => {
      const revision = metadata.read(key)?.revision ?? null;
      return metadata.write(key, record, revision).ok;
    }, false);
  }

  #session(): SessionRecord {
    const { name, roles, now, actors } = this.#host;
    return {
      version: 1,
      host: name,
      pid: 1,
      hostname: "simulated",
      roles: [...roles],
      startedAtMs: this.#startedAtMs,
      renewedAtMs: now.wallMs,
      actors: [...actors.values()].map((actor) => this.#statusOf(actor)),
      drain: this.#departure.progress,
    };
  }

  #statusOf({ definition, state, isOver, name }: RunningActor): ActorStatus {
    const { phase, cause, figures } = definition.status(state, this.#host.now);
    const channel = name.split(" ")[1] ?? null;
    return { actor: definition.name, channel, phase: isOver ? "ended" : phase, cause, figures };
  }

  #lookAtAssignments(): void {
    const host = this.#host;
    const { world } = host;
    host.reach(world.delay(), () => {
      const entries = reached(() => world.metadata.list("assignments."), null);
      if (entries === null) return;
      const records = entries.map(({ value }) => decodeRecord(assignmentRecord, value));
      host.post(world.delay(), () => this.#reconcile(records));
    });
    host.post(timings.assignmentsEveryMs, () => this.#lookAtAssignments());
  }

  #reconcile(records: readonly AssignmentRecord[]): void {
    const { name, roles } = this.#host;
    const places = new Map<string, Wanted>();
    for (const record of records) {
      if (record.data === name) {
        places.set(`data-worker ${record.channel}`, dataPlace(this.#host, record));
      }
      if (record.query.includes(name)) {
        places.set(`query-worker ${record.channel}`, queryPlace(this.#host, record));
      }
    }
    for (const place of this.#wanted.keys()) {
      const isSingleton = roles.some((role) => role === place) || place.endsWith(" extra");
      if (!isSingleton && !places.has(place)) this.#unwant(place);
    }
    for (const [place, wanted] of places) if (!this.#wanted.has(place)) this.#want(place, wanted);
  }
}

function placeOf(host: string, record: AssignmentRecord) {
  const { channel, collectionId, collectionKey } = record;
  const shard = Number(channel.slice(channel.lastIndexOf("-") + 1));
  return { host, channel, shard, collectionId, collectionKey };
}

export function dataPlace(host: Host, record: AssignmentRecord): Wanted {
  const { unflushedBytesMax } = host.world.scenario;
  const bounds = { duplicateWindowMs, objectGraceMs, unflushedBytesMax, quietMs };
  const settings = { ...placeOf(host.name, record), ...bounds };
  return { definition: dataWorker, settings };
}

export function queryPlace({ name, world }: Host, record: AssignmentRecord): Wanted {
  const { caches } = world.scenario;
  return { definition: queryWorker, settings: { ...placeOf(name, record), readsMax: 4, caches } };
}

/** Adds a worker that nobody placed here, for a while: as a late host does that lost its place. */
export function startExtraWorker(host: Host, record: AssignmentRecord, forMs: number): void {
  const { random } = host.world;
  const { definition, settings } = random.chance(0.6)
    ? dataPlace(host, record)
    : queryPlace(host, record);
  const name = `${definition.name} ${record.channel} extra`;
  if (host.actors.has(name)) return;
  const actor = new RunningActor(host, name, definition, settings, () => host.actors.delete(name));
  host.actors.set(name, actor);
  host.post(forMs, () => {
    if (host.actors.get(name) === actor) host.actors.delete(name);
    actor.stop();
  });
}
