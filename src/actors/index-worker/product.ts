// What comes of a task: the object to write, and the fact to announce once it is there.
import { IndexBuilt, SegmentsCompacted } from "../../messages/control.js";
import type { MessageOf } from "../../messages/define.js";
import type { BuildIndex, CompactSegments } from "../../messages/task.js";
import { indexObjectKey, segmentObjectKey } from "../../storage/keys.js";
import type { ComputeResult } from "../../system/compute.js";

export interface Product {
  /** Null when nothing was left to write. */
  readonly object: { readonly key: string; readonly bytes: Uint8Array } | null;
  readonly fact: MessageOf<typeof IndexBuilt> | MessageOf<typeof SegmentsCompacted>;
}

type Built = Extract<ComputeResult, { kind: "indexBuilt" }>;
type Compacted = Extract<ComputeResult, { kind: "compacted" }>;

export function indexProduct(
  { collectionId, channel, segmentId, field, parameters }: MessageOf<typeof BuildIndex>,
  { bytes, sha256 }: Built,
  attempt: string,
): Product {
  const key = indexObjectKey({ collectionId, channel, segmentId, sha256, attempt });
  const object = { key, sha256, bytes: bytes.byteLength };
  const fact = IndexBuilt.create({ channel, segmentId, field, object, parameters });
  return { object: { key, bytes }, fact };
}

/** The attempt is in the id: what another attempt wrote may be deleted as nobody's any time. */
export function mergedProduct(
  { collectionId, channel, epoch, appliedThrough, inputs }: MessageOf<typeof CompactSegments>,
  { bytes, sha256, rowCount, keyDigest }: Compacted,
  attempt: string,
): Product {
  const segmentId = `c${inputs.at(-1)?.through}-${attempt}`;
  const facts = { channel, inputs: inputs.map((input) => input.segmentId), segmentId };
  const counts = { appliedThrough, rowCount, keyDigest };
  if (bytes === null) {
    return { object: null, fact: SegmentsCompacted.create({ ...facts, ...counts, object: null }) };
  }
  const key = segmentObjectKey({ collectionId, channel, epoch, sha256, segmentId });
  const object = { key, sha256, bytes: bytes.byteLength };
  return {
    object: { key, bytes },
    fact: SegmentsCompacted.create({ ...facts, ...counts, object }),
  };
}
