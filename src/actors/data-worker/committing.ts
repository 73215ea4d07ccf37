// Commits manifests: the object first, then the root that names it, then word of it.
import { ManifestCommitted } from "../../messages/control.js";
import { manifestObjectKey, sha256Hex } from "../../storage/keys.js";
import {
  decodeRoot,
  encodeManifest,
  encodeRoot,
  type Root,
  rootKey,
} from "../../storage/manifest.js";
import type { MetadataEntry, Now } from "../../system/actor.js";
import { nextManifest } from "./next-manifest.js";
import { type Commit, type DataWorkerState, epochOf, expect, fail } from "./state.js";

const retryMs = 500;
/** Past checkpoints that are kept; more would only make purge and window a little finer. */
const pastCheckpointsMax = 1_000;

export function decideCommit(state: DataWorkerState, now: Now): void {
  if (state.commit !== null) return retryCommit(state, state.commit, now);
  if (state.changes.length === 0 || state.root === null || state.record === null) return;
  const { collectionId, channel } = state.settings;
  const epoch = epochOf(state);
  const { asOfWindowMs } = state.record.settings;
  const { pastCheckpoints, changes } = state;
  const place = { collectionId, channel, epoch, asOfWindowMs, pastCheckpoints };
  const number = state.root.number + 1;
  const manifest = nextManifest(state.manifest, number, changes, place, now);
  const bytes = encodeManifest(manifest);
  const sha256 = sha256Hex(bytes);
  const key = manifestObjectKey({ collectionId, channel, epoch, number, sha256 });
  state.changes = [];
  const object = { key, sha256 };
  state.commit = { manifest, bytes, object, changes, stage: "object", retryAtMs: null };
  writeManifest(state, state.commit);
}

function writeManifest(state: DataWorkerState, commit: Commit): void {
  const id = expect(state, { for: "manifest-object" });
  state.outbox.push({ kind: "writeObject", id, key: commit.object.key, bytes: commit.bytes });
}

function retryCommit(state: DataWorkerState, commit: Commit, now: Now): void {
  if (commit.retryAtMs === null || now.monotonicMs < commit.retryAtMs) return;
  commit.retryAtMs = null;
  if (commit.stage === "object") return writeManifest(state, commit);
  if (commit.stage === "root") return writeRoot(state, commit);
  const key = rootKey(state.settings.channel);
  state.outbox.push({ kind: "readMetadata", id: expect(state, { for: "verify-commit" }), key });
}

export function applyCommitDelayed(state: DataWorkerState, detail: string, now: Now): void {
  state.troubles.set("manifest", `a manifest cannot be committed: ${detail}`);
  if (state.commit !== null) state.commit.retryAtMs = now.monotonicMs + retryMs;
}

/** Stored, so that the root never names what is not there. */
export function applyManifestStored(state: DataWorkerState): void {
  if (state.commit === null) return;
  state.commit.stage = "root";
  writeRoot(state, state.commit);
}

function rootOf(state: DataWorkerState, commit: Commit): Root {
  if (state.root === null) throw new Error("a commit before the take-over");
  return { ...state.root, number: commit.manifest.number, manifest: commit.object };
}

function writeRoot(state: DataWorkerState, commit: Commit): void {
  state.outbox.push({
    kind: "writeMetadata",
    id: expect(state, { for: "commit" }),
    key: rootKey(state.settings.channel),
    value: encodeRoot(rootOf(state, commit)),
    revision: state.rootRevision,
  });
}

/** Nobody knows whether the root was written: read it before anything else is tried. */
export function applyCommitUnknown(state: DataWorkerState, detail: string, now: Now): void {
  if (state.commit !== null) state.commit.stage = "unknown";
  applyCommitDelayed(state, detail, now);
}

export function applyCommitVerified(
  state: DataWorkerState,
  entry: MetadataEntry | null,
  now: Now,
): void {
  const commit = state.commit;
  if (commit === null) return;
  if (entry === null) return fail(state, "the channel's root is gone", 5_000);
  const root = decodeRoot(entry.value);
  if (root.epoch !== epochOf(state) || root.owner !== state.incarnation) return applyFenced(state);
  if (root.number === commit.manifest.number) return applyCommitted(state, entry.revision, now);
  commit.stage = "root";
  state.rootRevision = entry.revision;
  writeRoot(state, commit);
}

/** Someone newer owns the channel: stop at once; the host starts again if it is still assigned. */
export function applyFenced(state: DataWorkerState): void {
  fail(state, "another worker has taken the channel over", 5_000);
}

export function applyCommitted(state: DataWorkerState, revision: number, now: Now): void {
  const commit = state.commit;
  if (commit === null) return;
  state.root = rootOf(state, commit);
  state.rootRevision = revision;
  state.manifest = commit.manifest;
  state.commit = null;
  for (const change of commit.changes) {
    if (change.kind === "flushed") state.closedBytes -= change.range.footprint;
  }
  state.troubles.delete("manifest");
  rememberCheckpoint(state);
  forgetGoneSegments(state);
  const { channel } = state.settings;
  const { epoch, number } = commit.manifest;
  const message = ManifestCommitted.create({ channel, epoch, number });
  state.outbox.push({ kind: "publish", message, messageId: null });
  purgeBehind(state, now);
}

function rememberCheckpoint(state: DataWorkerState): void {
  const checkpoint = state.manifest?.checkpoint;
  if (checkpoint === undefined || checkpoint.sequence === 0) return;
  if (state.pastCheckpoints.at(-1)?.sequence === checkpoint.sequence) return;
  state.pastCheckpoints.push(checkpoint);
  if (state.pastCheckpoints.length <= pastCheckpointsMax) return;
  // Not the oldest: it is the one that leaves the windows first, however many commits there are.
  const thinned = state.pastCheckpoints.filter((_, place) => place % 2 === 0);
  state.pastCheckpoints.splice(0, state.pastCheckpoints.length, ...thinned);
}

/** What was known of segments that were merged away since. */
function forgetGoneSegments(state: DataWorkerState): void {
  const named = new Set(state.manifest?.segments.map((segment) => segment.id));
  const merged = state.compaction?.segment?.id;
  for (const id of state.damaged.keys()) if (!named.has(id)) state.damaged.delete(id);
  for (const id of state.deadRows.keys()) if (!named.has(id)) state.deadRows.delete(id);
  for (const name of state.indexesAsked.keys()) {
    const id = name.slice(0, name.indexOf("/"));
    if (!named.has(id) && id !== merged) state.indexesAsked.delete(name);
  }
}

/**
 * The log is purged up to a checkpoint that is older than the duplicate window; the entry at a
 * checkpoint stays, so that a reader can compare it with what it applied. The time is the broker's
 * as far as the log shows it: a host's clock that runs ahead must not make the log forget.
 */
function purgeBehind(state: DataWorkerState, now: Now): void {
  const { channel, duplicateWindowMs } = state.settings;
  const nowUs = Math.min(now.wallMs * 1_000, state.fold?.position.appendedAtUs ?? 0);
  const oldUs = nowUs - duplicateWindowMs * 1_000;
  const past = state.pastCheckpoints.filter((checkpoint) => checkpoint.appendedAtUs < oldUs);
  const through = (past.at(-1)?.sequence ?? 0) - 1;
  if (through <= state.purgedThrough) return;
  state.purgedThrough = through;
  state.outbox.push({ kind: "purge", channel, through });
}
