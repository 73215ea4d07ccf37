// Chooses which neighbouring segments to merge, and which to rewrite because many rows are dead.
import type { ManifestSegment } from "../storage/manifest.js";

/** Merging this many at a time keeps each row's rewrites logarithmic in the number of segments. */
const segmentsPerMerge = 4;
const deadShareMax = 0.2;
const tierFactor = 4;
const smallestTierBytes = 1024 * 1024;

/** The ids of the segments to compact together, neighbours in log order; none: nothing to do. */
export function chooseCompaction(
  segments: readonly ManifestSegment[],
  deadRows: ReadonlyMap<string, number>,
  mergeBytes: number,
): readonly ManifestSegment[] {
  const withDead = segments.find(
    (segment) => (deadRows.get(segment.id) ?? 0) > segment.rowCount * deadShareMax,
  );
  if (withDead !== undefined) return [withDead];
  for (let start = 0; start + segmentsPerMerge <= segments.length; start++) {
    const run = segments.slice(start, start + segmentsPerMerge);
    const bytes = run.reduce((sum, segment) => sum + segment.object.bytes, 0);
    const tiers = new Set(run.map((segment) => tierOf(segment.object.bytes)));
    if (tiers.size === 1 && bytes <= mergeBytes) return run;
  }
  return [];
}

/** Segments of one tier are within a factor of four of each other. */
function tierOf(bytes: number): number {
  return Math.max(0, Math.ceil(Math.log(bytes / smallestTierBytes) / Math.log(tierFactor)));
}
