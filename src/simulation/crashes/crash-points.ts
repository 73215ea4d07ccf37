// The names of the points at which a process can die: around each step that persists something.
import { coordinator } from "../../actors/coordinator.js";
import { dataWorker } from "../../actors/data-worker.js";
import { indexWorker } from "../../actors/index-worker.js";
import { proxy } from "../../actors/proxy.js";
import { queryWorker } from "../../actors/query-worker.js";
import { timestampOracle } from "../../actors/timestamp-oracle.js";
import type { AnyDefinition } from "../../messages/catalogue.js";
import type { Effect } from "../../system/actor.js";

/**
 * before: the actor has asked for the step and it was not begun. after: it was done, and the actor
 * has not heard of it; where there is nothing to hear, what was sent has left the process.
 */
export const moments = ["before", "after"] as const;
export type Moment = (typeof moments)[number];

/** Whose name the points of a host's own session record begin with. */
export const hostItself = "host";
export const sessionStep = `${hostItself}/writeMetadata:sessions`;

/** What each actor stores beside its messages, which its declaration names. */
const storedBy: Readonly<Record<string, readonly string[]>> = {
  [proxy.name]: [],
  [coordinator.name]: [
    ...["acknowledge", "createChannel", "removeChannel"],
    ...["deleteObject:segments", "deleteObject:tombstones", "deleteObject:manifests"],
    "deleteObject:indexes",
    ...["writeMetadata:collections.creating", "writeMetadata:collections.ready"],
    ...["writeMetadata:collections.dropping", "deleteMetadata:collections"],
    ...["writeMetadata:assignments", "deleteMetadata:assignments"],
    ...["writeMetadata:roots", "deleteMetadata:roots"],
    ...["writeMetadata:dropped", "deleteMetadata:dropped"],
    ...["writeMetadata:leaders", "deleteMetadata:sessions"],
    ...["writeMetadata:hosts", "deleteMetadata:hosts"],
  ],
  [timestampOracle.name]: ["acknowledge", "writeMetadata:leaders", "writeMetadata:oracle"],
  [queryWorker.name]: ["acknowledge"],
  [dataWorker.name]: [
    ...["acknowledge", "purge", "writeMetadata:roots"],
    ...["writeObject:segments", "writeObject:tombstones", "writeObject:manifests"],
    ...["deleteObject:segments", "deleteObject:tombstones", "deleteObject:manifests"],
    "deleteObject:indexes",
  ],
  [indexWorker.name]: ["acknowledge", "writeObject:indexes", "writeObject:segments"],
};

const actors = [proxy, coordinator, timestampOracle, queryWorker, dataWorker, indexWorker];

/** Every point there is, as `<actor>/<effect>[:<detail>]/<moment>`. */
export const crashPoints: readonly string[] = [
  sessionStep,
  ...actors.flatMap(({ name, emits }: { name: string; emits: readonly AnyDefinition[] }) =>
    [...emits.map(stepOfMessage), ...(storedBy[name] ?? [])].map((step) => `${name}/${step}`),
  ),
].flatMap((step) => moments.map((moment) => `${step}/${moment}`));

function stepOfMessage({ kind, durability }: AnyDefinition): string {
  return `${durability === "log" ? "append" : "publish"}:${kind}`;
}

/** Which step an effect is; null when it leaves nothing behind. */
export function stepOf(effect: Effect): string | null {
  switch (effect.kind) {
    case "append":
    case "publish":
      return `${effect.kind}:${effect.message.kind}`;
    case "acknowledge":
    case "purge":
    case "createChannel":
    case "removeChannel":
      return effect.kind;
    case "writeObject":
    case "deleteObject":
      return `${effect.kind}:${effect.key.split("/")[2]}`;
    case "writeMetadata":
      return stepOfRecord(effect.key, effect.value);
    default:
      return null;
  }
}

function stepOfRecord(key: string, value: Uint8Array | null): string {
  const family = key.split(".")[0] as string;
  if (value === null) return `deleteMetadata:${family}`;
  if (family !== "collections") return `writeMetadata:${family}`;
  const { state } = JSON.parse(Buffer.from(value).toString("utf8")) as { state: string };
  return `writeMetadata:${family}.${state}`;
}
