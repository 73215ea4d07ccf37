// Work that outlives the worker that holds it: it may be done twice, and is never half done.
import { z } from "zod";
import { metrics } from "../rows/schema.js";
import { objectReference } from "./control.js";
import { type MessageOf, message, sequence, subjectToken } from "./define.js";

/** Build an HNSW index over one vector field of one segment. */
export const BuildIndex = message("BuildIndex", "task.index.{channel}", "task", {
  channel: subjectToken,
  collectionId: subjectToken,
  segmentId: subjectToken,
  rowCount: z.number().int().min(1),
  field: z.string(),
  dimension: z.number().int(),
  metric: z.enum(metrics),
  parameters: z.object({ M: z.number().int(), efConstruction: z.number().int() }),
  segment: objectReference,
});

const compactionInput = z.object({
  segmentId: subjectToken,
  from: sequence,
  through: sequence,
  object: objectReference,
});

/**
 * Merge neighbouring segments into one, leaving out the rows that died at or before
 * `appliedThrough`. `laterSegments` hold rows that may have replaced rows of the inputs.
 */
export const CompactSegments = message("CompactSegments", "task.compact.{channel}", "task", {
  channel: subjectToken,
  collectionId: subjectToken,
  epoch: z.number().int(),
  keyField: z.string(),
  appliedThrough: sequence,
  inputs: z.array(compactionInput).min(1),
  laterSegments: z.array(compactionInput),
  tombstones: z.array(objectReference),
});

export const taskMessages = [BuildIndex, CompactSegments] as const;
export type TaskMessage = MessageOf<(typeof taskMessages)[number]>;
