// Announcements of committed facts: they may be lost or repeated; who needs one asks again.
import { z } from "zod";
import { type MessageOf, message, sequence, subjectToken } from "./define.js";

export const objectReference = z.object({
  key: z.string(),
  sha256: z.string(),
  bytes: z.number().int().min(0),
});
export type ObjectReference = z.infer<typeof objectReference>;

/** The record of a collection changed, or is gone: read `metadataKey` again. */
export const CollectionChanged = message(
  "CollectionChanged",
  "control.collection.{collectionId}",
  "announcement",
  { collectionId: subjectToken, metadataKey: z.string() },
);

/** Channels were placed on other hosts: list the assignments again. */
export const AssignmentsChanged = message(
  "AssignmentsChanged",
  "control.assignments.{coordinator}",
  "announcement",
  { coordinator: subjectToken },
);

/** A host says something else of itself, or is to be treated otherwise: look at both again. */
export const HostChanged = message("HostChanged", "control.host.{host}", "announcement", {
  host: subjectToken,
});

/** A leader has given its role up: who stands by need not wait until it has been silent. */
export const LeadershipFreed = message("LeadershipFreed", "control.leader.{role}", "announcement", {
  role: subjectToken,
});

/** The channel's root names a new manifest. */
export const ManifestCommitted = message(
  "ManifestCommitted",
  "control.manifest.{channel}",
  "announcement",
  { channel: subjectToken, epoch: z.number().int(), number: z.number().int() },
);

/**
 * How far a channel's data worker has folded the log, and about how many bytes of rows and indexes
 * the channel has. `held`: it reads no further, since rows wait for the object store.
 */
export const ChannelMeasured = message(
  "ChannelMeasured",
  "control.measured.{channel}",
  "announcement",
  { channel: subjectToken, position: sequence, bytes: z.number().min(0), held: z.boolean() },
);

/** An index file for one vector field of one segment stands in the object store. */
export const IndexBuilt = message("IndexBuilt", "control.index.{channel}", "announcement", {
  channel: subjectToken,
  segmentId: subjectToken,
  field: z.string(),
  object: objectReference,
  parameters: z.object({ M: z.number().int(), efConstruction: z.number().int() }),
});

/** The object of a segment could not be read by a worker: it is missing or fails its SHA-256. */
export const SegmentDamaged = message(
  "SegmentDamaged",
  "control.damage.{channel}",
  "announcement",
  {
    channel: subjectToken,
    segmentId: subjectToken,
    reason: z.string(),
  },
);

/** An index file named by the manifest is missing or fails its SHA-256: it must be built again. */
export const IndexDamaged = message("IndexDamaged", "control.damage.{channel}", "announcement", {
  channel: subjectToken,
  segmentId: subjectToken,
  field: z.string(),
  key: z.string(),
  reason: z.string(),
});

/** How many rows of a segment died at or before the oldest readable position. */
export const DeadRowsCounted = message(
  "DeadRowsCounted",
  "control.dead.{channel}",
  "announcement",
  {
    channel: subjectToken,
    segmentId: subjectToken,
    deadRows: z.number().int(),
    rowCount: z.number().int(),
  },
);

/** Segments `inputs` were merged into one object that leaves out rows dead at `appliedThrough`. */
export const SegmentsCompacted = message(
  "SegmentsCompacted",
  "control.compacted.{channel}",
  "announcement",
  {
    channel: subjectToken,
    inputs: z.array(subjectToken).min(1),
    segmentId: subjectToken,
    appliedThrough: sequence,
    rowCount: z.number().int().min(0),
    keyDigest: z.string(),
    /** Null when no row was left. */
    object: objectReference.nullable(),
  },
);

export const controlMessages = [
  CollectionChanged,
  AssignmentsChanged,
  HostChanged,
  LeadershipFreed,
  ManifestCommitted,
  IndexBuilt,
  SegmentDamaged,
  IndexDamaged,
  DeadRowsCounted,
  SegmentsCompacted,
  ChannelMeasured,
] as const;
export type ControlMessage = MessageOf<(typeof controlMessages)[number]>;
