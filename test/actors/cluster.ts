// A cluster in virtual time: coordinators, hosts with sessions, and clients that create and drop.
import { coordinator } from "../../src/actors/coordinator.js";
import { AlterCollection, CreateCollection, DropCollection } from "../../src/messages/command.js";
import {
  type AssignmentRecord,
  assignmentKey,
  assignmentRecord,
  type CollectionRecord,
  type CollectionSettings,
  collectionKey,
  collectionRecord,
  decodeRecord,
  encodeRecord,
  leaderRecord,
  type NewCollection,
  newCollection,
  parseRecord,
  type Role,
  type SessionRecord,
  sessionKey,
} from "../../src/messages/records.js";
import { fieldSchema } from "../../src/rows/schema.js";
import type { Formats } from "../../src/storage/formats.js";
import { rootKey } from "../../src/storage/manifest.js";
import type { Effect } from "../../src/system/actor.js";
import { type Node, World, type WorldOptions } from "./world.js";

export const sessionTtlMs = 9_000;
export const coordinatorSettings = (host: string) => ({
  host,
  sessionTtlMs,
  ackWaitMs: 5_000,
  relistMs: 60_000,
  orphanGraceMs: 3_600_000,
});

export function newCollectionOf(more: Partial<NewCollection> = {}): NewCollection {
  const fields = [
    fieldSchema.parse({ name: "id", type: "Int64", primaryKey: true }),
    fieldSchema.parse({ name: "title", type: "VarChar", nullable: true }),
    fieldSchema.parse({ name: "v", type: "FloatVector", dimension: 4 }),
  ];
  const shape = { name: "docs", fields, dynamicFields: false, shards: 2, replicas: null };
  const rest = { consistency: "strong", asOfWindowMs: 0, thresholds: {} };
  return newCollection.parse({ ...shape, ...rest, ...more });
}

export interface Host {
  isAlive: boolean;
  readonly name: string;
  readonly roles: readonly Role[];
  /** Whether its query workers come to serve. */
  serves: boolean;
  /** Undefined: of a version that does not say. */
  formats?: Formats;
}

export class Cluster {
  readonly world: World;
  readonly hosts: Host[] = [];

  constructor(options: WorldOptions) {
    this.world = new World({
      ackWaitMs: 5_000,
      ...options,
      onEffect: (node, effect, now) => {
        options.onEffect?.(node, effect, now);
        this.expectLeader(node, effect);
      },
    });
  }

  addCoordinator(name: string): Node {
    return this.world.addNode(name, coordinator, coordinatorSettings(name));
  }

  addHost(name: string, roles: readonly Role[] = ["data", "query"]): Host {
    const host: Host = { isAlive: true, name, roles, serves: true };
    this.hosts.push(host);
    this.renew(host);
    return host;
  }

  private renew(host: Host): void {
    if (!host.isAlive) return;
    const channels = this.assignments().filter(({ query }) => query.includes(host.name));
    const session: SessionRecord = {
      version: 1,
      host: host.name,
      pid: 1,
      hostname: "machine",
      roles: [...host.roles],
      startedAtMs: 0,
      renewedAtMs: this.world.timeMs,
      actors: channels.map(({ channel }) => ({
        actor: "query-worker",
        channel,
        phase: host.serves ? "serving" : "loading",
        cause: null,
        figures: {},
      })),
      ...(host.formats === undefined ? {} : { formats: host.formats }),
    };
    this.world.store(sessionKey(host.name), encodeRecord(session));
    this.world.schedule(sessionTtlMs / 3, () => this.renew(host));
  }

  create(request: string, collection = newCollectionOf(), deadlineMs = Number.MAX_VALUE): void {
    const fields = { proxy: "p", request, requestId: request, deadlineMs, database: "db" };
    this.world.enqueue(CreateCollection.create({ ...fields, collection }));
  }

  drop(request: string, collectionId: string, deadlineMs = Number.MAX_VALUE): void {
    const fields = {
      proxy: "p",
      request,
      requestId: request,
      deadlineMs,
      database: "db",
      name: "docs",
    };
    this.world.enqueue(DropCollection.create({ ...fields, collectionId }));
  }

  alter(request: string, collectionId: string, settings: Partial<CollectionSettings>): void {
    const fields = {
      proxy: "p",
      request,
      requestId: request,
      deadlineMs: Number.MAX_VALUE,
      database: "db",
    };
    const message = { ...fields, name: "docs", collectionId, settings };
    this.world.enqueue(AlterCollection.create(message));
  }

  /** What a request was answered: the id of the collection, or the code of the failure. */
  answers(request: string): (string | null)[] {
    return this.world.published.flatMap(({ message }) =>
      message.kind === "CollectionReply" && message.request === request
        ? [message.failure?.code ?? message.collectionId]
        : [],
    );
  }

  record(name = "docs"): CollectionRecord | null {
    const stored = this.world.metadata.get(collectionKey("db", name));
    return stored === undefined ? null : decodeRecord(collectionRecord, stored.value);
  }

  assignments(): AssignmentRecord[] {
    return [...this.world.metadata]
      .filter(([key]) => key.startsWith(assignmentKey("")))
      .flatMap(([, { value }]) => {
        const parsed = parseRecord(assignmentRecord, value);
        return parsed.ok ? [parsed.record] : [];
      });
  }

  /** What is there of a collection: streams, roots, assignments and objects. */
  remains(collectionId: string): string[] {
    const keys = [...this.world.metadata.keys(), ...this.world.objects.keys()];
    const named = keys.filter((key) => !key.startsWith("dropped.") && key.includes(collectionId));
    return [...named, ...[...this.world.channels].filter((name) => name.startsWith(collectionId))];
  }

  /** What a collection that is ready lacks, although proxies may use it. */
  missing(): string[] {
    const records = [...this.world.metadata]
      .filter(([key]) => key.startsWith("collections."))
      .map(([, { value }]) => decodeRecord(collectionRecord, value));
    return records
      .filter(({ state }) => state === "ready")
      .flatMap(({ channels }) => channels)
      .flatMap((channel) => {
        const keys = [rootKey(channel), assignmentKey(channel)];
        const lost = keys.filter((key) => !this.world.metadata.has(key));
        return this.world.channels.has(channel) ? lost : [...lost, channel];
      });
  }

  /** Whatever a coordinator decides, it is the leader on record at that moment. */
  private expectLeader(node: Node, effect: Effect): void {
    const free = ["timer", "report", "restart", "readMetadata", "listen"];
    const isForLeadership = "key" in effect && effect.key === "leaders.coordinator";
    const isFarewell = effect.kind === "publish" && effect.message.kind === "LeadershipFreed";
    if (free.includes(effect.kind) || isForLeadership || isFarewell) return;
    const stored = this.world.metadata.get("leaders.coordinator");
    const holder = stored && decodeRecord(leaderRecord, stored.value).incarnation;
    if (holder !== node.incarnation) throw new Error(`${node.incarnation} acts beside ${holder}`);
  }
}

/** What the first coordinator says of itself. */
export function statusOf({ world }: Cluster) {
  const [node] = world.nodes;
  return coordinator.status(node?.state as never, world.now());
}

/** Two hosts for data and queries, one coordinator, and no latency. */
export function smallCluster(): Cluster {
  const made = new Cluster({ random: () => 0 });
  made.addHost("h1");
  made.addHost("h2");
  made.addCoordinator("a");
  return made;
}
