// Runs one effect as the real host does, but when and how it ends is drawn by chance.

import { definitionOf } from "../messages/catalogue.js";
import { UnavailableError } from "../storage/errors.js";
import { sha256Hex } from "../storage/keys.js";
import type { Effect, Outcome, Unavailable } from "../system/actor.js";
import type { RunningActor } from "./running-actor.js";
import { entryAt } from "./stored-log.js";
import { copyOf } from "./wire.js";

export function runEffect(actor: RunningActor, effect: Effect): void {
  const { host } = actor;
  const { world } = host;
  switch (effect.kind) {
    case "append":
      return host.publisher.append(actor, effect);
    case "follow":
      return actor.follow(effect.channel, effect.after);
    case "hold":
      world.trace.line(`${host.name}/${actor.name} is held`);
      return actor.hold();
    case "release":
      return actor.release();
    case "publish":
      return publish(actor, effect);
    case "take":
      return world.queues.take(actor, effect.definitions, effect.token, effect.credits);
    case "acknowledge":
      actor.letGo(effect.delivery);
      return host.send(world.delay(), () => world.queues.acknowledge(effect.delivery));
    case "extend":
      return host.send(world.delay(), () => world.queues.extend(effect.delivery));
    case "listen":
      return world.announcements.listen(actor, effect.definitions, effect.token, effect.from);
    case "respond":
      return world.auditor.respond(host, effect.request, effect.reply);
    case "timer":
      return startTimer(actor, effect);
    case "compute":
      return actor.compute.run(effect.id, effect.job);
    case "report":
      return world.trace.line(`${host.name}/${actor.name} ${effect.level}: ${effect.text}`);
    case "restart":
      world.trace.line(`${host.name}/${actor.name} restarts: ${effect.reason}`);
      return actor.restart(effect.afterMs);
    case "purge":
      return host.send(world.delay(), () => world.broker.purge(effect.channel, effect.through));
    case "readEntry":
      return readEntry(actor, effect);
    case "readHead":
      return readHead(actor, effect);
    case "readCache":
      return readCache(actor, effect);
    case "writeCache":
      return host.reach(world.delay(), () => world.cache.write(effect.key, effect.bytes));
    default:
      return storeEffect(actor, effect);
  }
}

/** A busy process comes to what it has put off in its own time. */
function startTimer(actor: RunningActor, { id, afterMs }: Extract<Effect, { kind: "timer" }>) {
  const { host } = actor;
  const waitMs = afterMs === 0 ? host.world.delay() : afterMs;
  const isLast = actor.startTimer(id);
  host.post(waitMs, () => {
    if (isLast()) actor.tell({ kind: "TimerFired", id });
  });
}

function publish(actor: RunningActor, effect: Extract<Effect, { kind: "publish" }>): void {
  const { host } = actor;
  const { world, link } = host;
  const message = copyOf(effect.message);
  if (!link.connected) return;
  if (effect.connection !== undefined && effect.connection !== link.generation) return;
  host.send(world.delay(), () => {
    actor.traceSent(message);
    const durability = definitionOf(message.kind)?.durability;
    if (durability === "announcement") return world.announcements.announce(message);
    if (durability === "reply") return world.announcements.reply(message);
    world.queues.add(message, effect.messageId);
  });
}

/** Asked again until there is an answer. */
function readEntry(actor: RunningActor, effect: Extract<Effect, { kind: "readEntry" }>): void {
  const { host } = actor;
  const { world } = host;
  const { id, channel, sequence } = effect;
  host.post(world.delay(), () => {
    if (actor.isOver) return;
    if (!host.link.alive) {
      host.post(500, () => readEntry(actor, effect));
      return;
    }
    const log = world.broker.find(channel);
    const entry = log === undefined ? null : entryAt(log, sequence);
    actor.tellSoon({ kind: "EntryRead", id, entry });
  });
}

const headTimeoutMs = 1_000;

/** There and back on the connection, with which question or answer may be lost. */
function readHead(actor: RunningActor, effect: Extract<Effect, { kind: "readHead" }>): void {
  const { host } = actor;
  const { world } = host;
  const { id, channel } = effect;
  let isOver = false;
  const tell = (result: Extract<Outcome, { kind: "HeadRead" }>["result"]) => {
    if (isOver) return;
    isOver = true;
    actor.tell({ kind: "HeadRead", id, result });
  };
  if (world.scenario.isClustered === true) {
    return host.post(0, () => tell({ ok: false, reason: "refused" }));
  }
  host.post(headTimeoutMs, () => tell(unavailable("no answer")));
  if (!host.link.connected) return;
  host.send(world.delay(), () => {
    const log = world.broker.find(channel);
    if (log === undefined || world.strikes("acknowledgementLost")) return;
    const sequence = log.last;
    host.receive(world.delay(), () => tell({ ok: true, sequence }));
  });
}

function readCache(actor: RunningActor, effect: Extract<Effect, { kind: "readCache" }>): void {
  const { host } = actor;
  const { world } = host;
  const { id, key } = effect;
  host.reach(world.delay(), () => {
    const bytes = world.cache.read(key);
    if (host.isUp) host.post(world.delay(), () => actor.tell({ kind: "CacheRead", id, bytes }));
  });
}

type StoreEffect = Extract<
  Effect,
  {
    kind:
      | "readObject"
      | "writeObject"
      | "deleteObject"
      | "listObjects"
      | "readMetadata"
      | "listMetadata"
      | "writeMetadata"
      | "createChannel"
      | "removeChannel"
      | "listChannels";
  }
>;

/** There, and back: the process may die, freeze or restart the actor in between. */
function storeEffect(actor: RunningActor, effect: StoreEffect): void {
  const { host } = actor;
  const { world } = host;
  host.reach(world.delay(), () => {
    const outcome = outcomeOf(actor, effect);
    if (host.isUp) host.post(world.delay(), () => actor.tell(outcome));
  });
}

function outcomeOf(actor: RunningActor, effect: StoreEffect): Outcome {
  const { objects, metadata } = actor.host.world;
  const { id } = effect;
  switch (effect.kind) {
    case "readObject":
      return { kind: "ObjectRead", id, result: readObject(actor, effect) };
    case "writeObject":
      return {
        kind: "ObjectWritten",
        id,
        result: done(() => objects.put(effect.key, effect.bytes)),
      };
    case "deleteObject":
      if (!actor.host.hasLease) return { kind: "ObjectDeleted", id, result: unavailable("lease") };
      return { kind: "ObjectDeleted", id, result: done(() => objects.delete(effect.key)) };
    case "listObjects": {
      const result = attempt(() => ({ keys: objects.list(effect.prefix) }));
      return { kind: "ObjectsListed", id, result };
    }
    case "readMetadata": {
      const result = attempt(() => ({ entry: metadata.read(effect.key) }));
      return { kind: "MetadataRead", id, result };
    }
    case "listMetadata": {
      const result = attempt(() => ({ entries: metadata.list(effect.prefix) }));
      return { kind: "MetadataListed", id, result };
    }
    case "writeMetadata": {
      const { key, value, revision } = effect;
      const written = attempt(() => ({ outcome: metadata.write(key, value, revision) }));
      return { kind: "MetadataWritten", id, result: written.ok ? written.outcome : written };
    }
    case "createChannel":
    case "removeChannel":
      return changeChannel(actor, effect);
    case "listChannels":
      return { kind: "ChannelsListed", id, result: listChannels(actor) };
  }
}

function listChannels({ host }: RunningActor): { ok: true; channels: string[] } | Unavailable {
  const { world, link } = host;
  if (!link.alive || world.strikes("outcomeLost")) return unavailable("no connection");
  return { ok: true, channels: [...world.broker.logs.keys()] };
}

function changeChannel(
  actor: RunningActor,
  { kind, id, channel }: Extract<Effect, { kind: "createChannel" | "removeChannel" }>,
): Outcome {
  const { world, link } = actor.host;
  const outcomeKind = kind === "createChannel" ? "ChannelCreated" : "ChannelRemoved";
  if (!link.alive) return { kind: outcomeKind, id, result: unavailable("no connection") };
  if (!actor.host.hasLease) return { kind: outcomeKind, id, result: unavailable("lease") };
  if (kind === "createChannel") world.broker.create(channel);
  else world.broker.remove(channel);
  const isLost = world.strikes("outcomeLost");
  return { kind: outcomeKind, id, result: isLost ? unavailable("lost") : { ok: true } };
}

function readObject(
  actor: RunningActor,
  { key, sha256 }: Extract<Effect, { kind: "readObject" }>,
): Extract<Outcome, { kind: "ObjectRead" }>["result"] {
  const read = attempt(() => ({ bytes: actor.host.world.objects.get(key) }));
  if (!read.ok) return read;
  const { bytes } = read;
  if (bytes === undefined) return { ok: false, reason: "missing", detail: key };
  const trusts = actor.host.world.mutant?.host?.trustsObjects === true;
  if (!trusts && sha256Hex(bytes) !== sha256) return { ok: false, reason: "corrupt", detail: key };
  return { ok: true, bytes };
}

function unavailable(detail: string): Unavailable {
  return { ok: false, reason: "unavailable", detail };
}

function done(operation: () => void): { ok: true } | Unavailable {
  return attempt(() => {
    operation();
    return {};
  });
}

function attempt<Value extends object>(
  operation: () => Value,
): ({ ok: true } & Value) | Unavailable {
  try {
    return { ok: true, ...operation() };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    return unavailable(error.message);
  }
}
