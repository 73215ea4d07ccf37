// A process's worth of actors: connects, runs the actors of its roles, and ends them in order.
import { randomBytes } from "node:crypto";
import { HostChanged } from "../messages/control.js";
import type { ActorStatus, Role } from "../messages/records.js";
import type { Formats } from "../storage/formats.js";
import type { MetadataStore } from "../storage/metadata-store.js";
import type { EtcdSettings } from "../storage/metadata-store-etcd.js";
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
import { type FormatNotRead, FormatWatch } from "./format-watch.js";
import { HostActors } from "./host-actors.js";
import { openMetadata } from "./metadata-location.js";
import { connectNats, type NatsLink, type NatsSettings } from "./nats.js";
import { type ObjectStoreLocation, openObjectStore } from "./object-store-location.js";
import { Quota, type QuotaLimits } from "./quota.js";
import { Session } from "./session.js";
import { openSharedCache, type SharedCacheSettings } from "./shared-cache.js";
import type { StreamSettings } from "./streams.js";

export interface HostSettings {
  readonly host: string;
  readonly roles: readonly Role[];
  readonly nats: NatsSettings;
  readonly streams: StreamSettings;
  /** Where metadata lies; null: in the NATS server. */
  readonly etcd: EtcdSettings | null;
  readonly objectStore: ObjectStoreLocation;
  /** Null: there is none, and no worse answer for it. */
  readonly cache: SharedCacheSettings | null;
  readonly quota: QuotaLimits;
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
  /** The stored formats that this version reads. */
  readonly formats: Formats;
  /** Only a test's own entry script gives it. */
  readonly definitions?: ChangeDefinition;
  report(level: "info" | "warn" | "error", actor: string, text: string): void;
  /** etcd is no longer the one it was, so the process must end; told once. */
  metadataReplaced(why: string): void;
  /** The cluster stores by now what this version does not read, so the process must end. */
  outgrown(error: FormatNotRead): void;
}

export interface Host {
  readonly status: readonly ActorStatus[];
  /** Resolves when an operator wanted it to give everything away and end, and nothing is left. */
  readonly emptied: Promise<void>;
  /** Gives away what it can, finishes what is in flight, says goodbye, and closes. */
  drain(): Promise<void>;
}

const formatEveryMs = 5_000;
/** In which others can take over what a process runs that was told to end. */
const handOverMs = 4_000;
const drainMs = 4_000;

export async function startHost(settings: HostSettings): Promise<Host> {
  const parts = await openParts(settings);
  const { link, bus, metadata, objects, shared } = parts;
  let actors: HostActors | null = null;
  let channels: ChannelActors | null = null;
  const running = () => [...(actors?.actors ?? []), ...(channels?.actors ?? [])];
  const session = new Session({
    metadata,
    host: settings.host,
    roles: settings.roles,
    formats: settings.formats,
    ttlMs: settings.sessionTtlMs,
    actors: () => running().map(({ status }) => status),
    announce: () => announce(link, settings.host),
    report: parts.report,
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
  const format = await watchFormat(settings, metadata, session);
  actors = hostActors(settings, link, ports, parts.quota);
  channels = channelActors(settings, ports);
  const departure = new Departure({
    ...{ host: settings.host, ttlMs: settings.sessionTtlMs, metadata, session, actors, channels },
    announcements: bus.announcements,
    report: parts.report,
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
      format.stop();
      await departure.hurry(handOverMs);
      const leaving = actors.roles.map((role) => actors.leave(role, drainMs));
      await Promise.all([channels.drain(drainMs), ...leaving]);
      await session.stop();
      await compute.close();
      await parts.close();
    },
  };
}

/** What a host stands on: its connection, its stores, and what it shares with other hosts. */
async function openParts(settings: HostSettings) {
  const report = (level: "info" | "warn" | "error", text: string) =>
    settings.report(level, "host", text);
  const link = await connectNats(settings.nats);
  const disk = await DiskWatch.start(settings.dataDir, settings.diskReserveBytes);
  const hasRoom = () => disk.hasRoom;
  const bus = await Bus.open(link, { streams: settings.streams, hasRoom, report });
  const { etcd, metadataReplaced: replaced } = settings;
  const { store: metadata, close } = await openMetadata(link, { etcd, report, replaced });
  const objects = await openObjectStore(settings.objectStore);
  const shared = settings.cache === null ? null : await openSharedCache(settings.cache);
  const quota = new Quota(settings.quota, shared?.counters ?? null);
  return {
    ...{ report, link, bus, metadata, objects, shared, quota },
    async close() {
      close();
      bus.close();
      quota.close();
      shared?.close();
      disk.stop();
      await link.close();
    },
  };
}

/** A host that cannot read what is stored leaves before any of its actors has begun. */
async function watchFormat(
  { formats, outgrown }: HostSettings,
  metadata: MetadataStore,
  session: Session,
): Promise<FormatWatch> {
  const watch = new FormatWatch({ metadata, formats, everyMs: formatEveryMs, outgrown });
  try {
    await watch.start();
  } catch (error) {
    await session.stop();
    throw error;
  }
  return watch;
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

function hostActors(
  settings: HostSettings,
  link: NatsLink,
  ports: RunnerPorts,
  quota: Quota,
): HostActors {
  const context = contextOf(settings);
  return new HostActors({
    roles: settings.roles.filter((name): name is HostRole => !isChannelRole(name)),
    start: (role) => hostActor(role, context)(ports, settings.definitions),
    serve: (proxy) => openService(link, settings.version, quota, proxy),
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

function openCompute(
  { roles, searchThreads, buildThreads, objectStore }: HostSettings,
  onCrash: (channels: readonly string[]) => void,
): ComputePool {
  return createComputePool({
    threads: searchThreads,
    searchesSoon: roles.includes("query"),
    buildThreads,
    objectStore,
    onCrash: (_thread, channels) => onCrash(channels),
  });
}

function openService(link: NatsLink, version: string, quota: Quota, proxy: RunningActor) {
  const take: Parameters<typeof ClientService.start>[1]["take"] = (request) =>
    proxy.tell({ kind: "ClientRequested", request });
  return ClientService.start(link, { version, newId, take, quota });
}

/** Of this process: 96 random bits. */
const processId = randomBytes(12).toString("base64url");
let idsGiven = 0;

/** Unique for ever, and fit for a subject; a new one is needed for each request. */
function newId(): string {
  idsGiven += 1;
  return `${processId}-${idsGiven.toString(36)}`;
}
