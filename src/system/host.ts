// A process's worth of actors: connects, runs the actors of its roles, and ends them in order.
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { HostChanged } from "../messages/control.js";
import type { ActorStatus, Role } from "../messages/records.js";
import { UnavailableError } from "../storage/errors.js";
import type { MetadataStore } from "../storage/metadata-store.js";
import { openNatsMetadataStore } from "../storage/metadata-store-nats.js";
import type { RunnerPorts } from "./actor-runner.js";
import {
  type ActorContext,
  type ChangeDefinition,
  type ChannelRole,
  type HostRole,
  hostActor,
  isChannelRole,
  type RunningActor,
} from "./actor-table.js";
import { Bus } from "./bus.js";
import { ChannelActors } from "./channel-actors.js";
import { ClientService } from "./client-service.js";
import { type ComputePool, createComputePool } from "./compute-pool.js";
import { Departure } from "./departure.js";
import { DiskWatch } from "./disk-watch.js";
import { envelopeOf } from "./envelope.js";
import { HostActors } from "./host-actors.js";
import { connectNats, type NatsLink, type NatsSettings } from "./nats.js";
import { type ObjectStoreLocation, openObjectStore } from "./object-store-location.js";
import { Session } from "./session.js";
import { openSharedCache, type SharedCacheSettings } from "./shared-cache.js";
import type { StreamSettings } from "./streams.js";

export interface HostSettings {
  readonly host: string;
  readonly roles: readonly Role[];
  readonly nats: NatsSettings;
  readonly streams: StreamSettings;
  readonly objectStore: ObjectStoreLocation;
  /** Null: there is none, and no worse answer for it. */
  readonly cache: SharedCacheSettings | null;
  readonly dataDir: string;
  /** With less than this free on its disk, clients' writes are refused. */
  readonly diskReserveBytes: number;
  /** Rows of a channel that wait for the object store take no more memory than this. */
  readonly unflushedBytesMax: number;
  /** A channel with more bytes of rows and indexes takes no new rows. */
  readonly channelBytesMax: number;
  readonly sessionTtlMs: number;
  readonly readsMax: number;
  readonly searchThreads: number;
  readonly buildThreads: number;
  readonly version: string;
  /** Only a test's own entry script gives it. */
  readonly definitions?: ChangeDefinition;
  report(level: "info" | "warn" | "error", actor: string, text: string): void;
}

export interface Host {
  readonly status: readonly ActorStatus[];
  /** Resolves when an operator wanted it to give everything away and end, and nothing is left. */
  readonly emptied: Promise<void>;
  /** Gives away what it can, finishes what is in flight, says goodbye, and closes. */
  drain(): Promise<void>;
}

/** In which others can take over what a process runs that was told to end. */
const handOverMs = 4_000;
const drainMs = 4_000;
const storeRetryMs = 500;

export async function startHost(settings: HostSettings): Promise<Host> {
  const link = await connectNats(settings.nats);
  refuseCluster(link);
  const disk = await DiskWatch.start(settings.dataDir, settings.diskReserveBytes);
  const bus = await Bus.open(link, {
    streams: settings.streams,
    hasRoom: () => disk.hasRoom,
    report: (level, text) => settings.report(level, "host", text),
  });
  const metadata = await openMetadata(link, settings);
  const objects = await openObjectStore(settings.objectStore);
  const shared = settings.cache === null ? null : await openSharedCache(settings.cache);
  let actors: HostActors | null = null;
  let channels: ChannelActors | null = null;
  const running = () => [...(actors?.actors ?? []), ...(channels?.actors ?? [])];
  const session = new Session({
    metadata,
    host: settings.host,
    roles: settings.roles,
    ttlMs: settings.sessionTtlMs,
    actors: () => running().map(({ status }) => status),
    announce: () => announce(link, settings.host),
    report: (level, text) => settings.report(level, "host", text),
  });
  const compute = openCompute(settings, (crashed) => {
    const reason = "a search thread that held its rows has crashed";
    for (const actor of channels?.ofChannels("query", crashed) ?? []) actor.restart(reason);
  });
  const ports: RunnerPorts = {
    ...{ bus, objects, metadata, compute, lease: session },
    cache: shared?.results ?? null,
    clients: { respond: (request, reply) => actors?.service?.respond(request, reply) },
    now: () => ({ monotonicMs: performance.now(), wallMs: Date.now() }),
    newId,
    report: settings.report,
    ended: (actor) => (actor === "proxy" ? actors?.service?.abandon() : undefined),
  };
  await session.start();
  actors = hostActors(settings, link, ports);
  channels = channelActors(settings, ports);
  const departure = new Departure({
    ...{ host: settings.host, ttlMs: settings.sessionTtlMs, metadata, session, actors, channels },
    announcements: bus.announcements,
    report: (level, text) => settings.report(level, "host", text),
  });
  channels.start();
  await actors.start();
  departure.start();

  return {
    emptied: departure.emptied,
    get status() {
      return running().map(({ status }) => status);
    },
    async drain() {
      await departure.hurry(handOverMs);
      const leaving = actors.roles.map((role) => actors.leave(role, drainMs));
      await Promise.all([channels.drain(drainMs), ...leaving]);
      await session.stop();
      await compute.close();
      bus.close();
      shared?.close();
      disk.stop();
      await link.close();
    },
  };
}

function contextOf(settings: HostSettings): ActorContext {
  const { host, sessionTtlMs, readsMax, unflushedBytesMax, channelBytesMax } = settings;
  const { duplicateWindowMs } = settings.streams;
  const caches = settings.cache !== null;
  return {
    ...{ host, sessionTtlMs, readsMax, caches, duplicateWindowMs },
    ...{ unflushedBytesMax, channelBytesMax },
  };
}

function hostActors(settings: HostSettings, link: NatsLink, ports: RunnerPorts): HostActors {
  const context = contextOf(settings);
  return new HostActors({
    roles: settings.roles.filter((name): name is HostRole => !isChannelRole(name)),
    start: (role) => hostActor(role, context)(ports, settings.definitions),
    serve: (proxy) => openService(link, settings, proxy),
  });
}

function channelActors(settings: HostSettings, ports: RunnerPorts): ChannelActors {
  const roles = settings.roles.filter((name): name is ChannelRole => isChannelRole(name));
  return new ChannelActors(roles, contextOf(settings), ports, settings.definitions);
}

/** May be lost: others look now and then. */
function announce(link: NatsLink, host: string): void {
  const { subject, headers, body } = envelopeOf(HostChanged.create({ host }), null);
  link.publish(subject, body, { headers });
}

/** A conditional write is not safe on a cluster of servers before 2.11: two could both succeed. */
function refuseCluster(link: NatsLink): void {
  if (!link.clustered) return;
  throw new Error(
    `the NATS server at ${link.url} is one of a cluster, on which metadata cannot be kept safely ` +
      "in a key-value bucket: use a single server",
  );
}

async function openMetadata(link: NatsLink, settings: HostSettings): Promise<MetadataStore> {
  for (;;) {
    try {
      return await openNatsMetadataStore(link.keyValueClient());
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      settings.report("warn", "host", `no metadata yet: ${error.message}`);
      await delay(storeRetryMs);
    }
  }
}

function openCompute(
  { searchThreads, buildThreads, objectStore }: HostSettings,
  onCrash: (channels: readonly string[]) => void,
): ComputePool {
  return createComputePool({
    threads: searchThreads,
    buildThreads,
    objectStore,
    onCrash: (_thread, channels) => onCrash(channels),
  });
}

function openService(link: NatsLink, { version }: HostSettings, proxy: RunningActor) {
  const take: Parameters<typeof ClientService.start>[1]["take"] = (request) =>
    proxy.tell({ kind: "ClientRequested", request });
  return ClientService.start(link, { version, newId, take });
}

/** 96 random bits, fit for a subject. */
function newId(): string {
  return randomBytes(12).toString("base64url");
}
