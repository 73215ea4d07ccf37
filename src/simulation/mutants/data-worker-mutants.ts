// Bugs planted in the data worker and the coordinator: what they commit, purge, delete and drop.
import type { DataWorkerState } from "../../actors/data-worker/state.js";
import type { Mutant } from "../mutant.js";

/** RELIABILITY 10.7 and 5.2: a killer goes before what it kills. */
export const tombstonesDropped: Mutant = {
  name: "tombstones-dropped",
  about: "compaction drops the tombstones of the range that it merges",
  beforeApply(_outcome, { actor, state }) {
    if (actor !== "data-worker") return;
    const worker = state as DataWorkerState;
    const merged = worker.changes.find((change) => change.kind === "compacted");
    const last = merged?.kind === "compacted" ? merged.segment?.through : undefined;
    dropTombstones(worker, last);
  },
  afterApply(outcome, { actor, state }) {
    if (actor !== "data-worker" || outcome.kind !== "MetadataWritten") return;
    const worker = state as DataWorkerState;
    const merged = worker.manifest?.segments.filter((segment) => segment.appliedThrough > 0);
    dropTombstones(worker, merged?.at(-1)?.through);
  },
};

function dropTombstones(worker: DataWorkerState, through: number | undefined): void {
  if (through === undefined || worker.manifest === null) return;
  const tombstones = worker.manifest.tombstones.filter((entry) => entry.from >= through);
  worker.manifest = { ...worker.manifest, tombstones };
}

/** RELIABILITY 5.4: a restart then begins behind rows that stand nowhere. */
export const checkpointAtReadPosition: Mutant = {
  name: "checkpoint-at-read-position",
  about: "the checkpoint is where the worker has read, not what it has stored",
  beforeApply(_outcome, { actor, state }) {
    if (actor !== "data-worker") return;
    const worker = state as DataWorkerState;
    const { fold } = worker;
    if (fold === null) return;
    for (const change of worker.changes) {
      if (change.kind !== "flushed") continue;
      const checkpoint = { ...fold.position, commit: fold.commit };
      Object.assign(change.range, { checkpoint });
    }
  },
  afterApply(outcome, whose) {
    this.beforeApply?.(outcome, whose);
  },
};

/** RELIABILITY 5.5: the root names what is not there yet, or never will be. */
export const rootBeforeObjects: Mutant = {
  name: "root-before-objects",
  about: "objects count as written when they are sent",
  early: (effect, { actor }) =>
    effect.kind === "writeObject" && actor === "data-worker"
      ? { kind: "ObjectWritten", id: effect.id, result: { ok: true } }
      : null,
};

/** RELIABILITY 5.5: what is written and not committed yet is taken for garbage. */
export const collectWithoutGrace: Mutant = {
  name: "collect-without-grace",
  about: "objects that no manifest names are deleted at once",
  provoke: (scenario) => ({
    ...scenario,
    clients: 4,
    pauseBetweenMs: 60,
    sealRows: 4,
    odds: { ...scenario.odds, slow: 0.5 },
  }),
  settings: (actor, settings) =>
    actor === "data-worker" ? { ...settings, objectGraceMs: 0 } : settings,
};

/** RELIABILITY 0.5: with the entries a restarted broker forgets their message ids. */
export const purgeAtHead: Mutant = {
  name: "purge-at-head",
  about: "the log is purged up to the checkpoint, not a duplicate window behind its head",
  settings: (actor, settings) =>
    actor === "data-worker" ? { ...settings, duplicateWindowMs: 0 } : settings,
};

/** RELIABILITY 10.14: an owner that was fenced off commits over the new one. */
export const blindCommits: Mutant = {
  name: "blind-commits",
  about: "roots are written without comparing what they replace",
  host: { writesBlindly: true },
};

/** RELIABILITY 10.10: a drop that is delivered late hits the collection that has the name now. */
export const dropByName: Mutant = {
  name: "drop-by-name",
  about: "a drop is executed on whatever has the name",
  provoke: (scenario) => ({
    ...scenario,
    dropsCollections: true,
    odds: { ...scenario.odds, deliveryRepeated: 0.2 },
  }),
  outcome(outcome, { actor, state }) {
    if (outcome.kind !== "Delivered" || actor !== "coordinator") return outcome;
    const { message } = outcome;
    if (message.kind !== "DropCollection") return outcome;
    const cell = state.collections.get(`collections.${message.database}.${message.name}`);
    const collectionId: string = cell?.value?.collectionId ?? message.collectionId;
    return { ...outcome, message: { ...message, collectionId } };
  },
};
