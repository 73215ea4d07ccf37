// When a simulated cluster is whole again: everything that was assigned runs, and is well.
import {
  type AssignmentRecord,
  assignmentRecord,
  collectionRecord,
  decodeRecord,
} from "../../messages/records.js";
import type { ActorReport } from "../../system/actor.js";
import type { Host } from "../host.js";
import type { World } from "../world.js";

export function isRecovered(world: World): boolean {
  if (world.hosts.some(({ isUp, hasLease }) => !isUp || !hasLease)) return false;
  const isLed = ["coordinator", "oracle"].every((role) =>
    world.hosts.some((host) => reportOf(host, role)?.phase === "leading"),
  );
  return isLed && areCollectionsSettled(world) && areWorkersWell(world);
}

function areCollectionsSettled({ metadata }: World): boolean {
  return [...metadata.stored]
    .filter(([key]) => key.startsWith("collections."))
    .map(([, { value }]) => decodeRecord(collectionRecord, value))
    .every(
      ({ state, channels }) =>
        state === "ready" && channels.every((name) => metadata.stored.has(`assignments.${name}`)),
    );
}

function areWorkersWell(world: World): boolean {
  return [...world.metadata.stored]
    .filter(([key]) => key.startsWith("assignments."))
    .map(([, { value }]) => decodeRecord(assignmentRecord, value))
    .every((record) => isServed(world, record));
}

function isServed({ hosts }: World, { channel, data, query }: AssignmentRecord): boolean {
  const report = (name: string | null, actor: string) => {
    const host = hosts.find((one) => one.name === name);
    return host === undefined ? null : reportOf(host, `${actor} ${channel}`);
  };
  const isOwned = report(data, "data-worker")?.phase === "owning";
  const readers = query.map((name) => report(name, "query-worker")?.phase);
  return isOwned && readers.length > 0 && readers.every((phase) => phase === "serving");
}

function reportOf(host: Host, name: string): ActorReport | null {
  const actor = host.actors.get(name);
  if (actor === undefined || actor.isOver) return null;
  return actor.definition.status(actor.state, host.now);
}
