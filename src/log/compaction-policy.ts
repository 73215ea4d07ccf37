// Chooses which neighbouring segments to compact: those with many dead rows first, then small ones.
import type { ManifestSegment } from "../storage/manifest.js";

/** Merging so many at a time keeps each row's rewrites logarithmic in the number of segments. */
const segmentsPerMerge = 4;
/** A backlog is worked off in few steps, and each of them stays short. */
const inputsMax = 16;
const deadShareMax = 0.2;
const tierFactor = 4;
const smallestTierBytes = 1024 * 1024;
/** What a merge must add to the largest of its segments to be worth that one's rewriting. */
const growthMin = 1.25;

type DeadRows = ReadonlyMap<string, number>;

export interface CompactionFacts {
  /** By segment. */
  readonly deadRows: DeadRows;
  /** Segments whose objects could not be read. */
  readonly damaged: { has(segmentId: string): boolean };
  /** What a merged segment may have. */
  readonly mergeBytes: number;
  /** Nothing has changed for a while. */
  readonly isQuiet: boolean;
}

/**
 * The segments to compact together, neighbours in log order; none: nothing to do. Under constant
 * replacing every segment soon has dead rows: were each rewritten alone, none would ever be merged.
 */
export function chooseCompaction(
  segments: readonly ManifestSegment[],
  { deadRows, damaged, mergeBytes, isQuiet }: CompactionFacts,
): readonly ManifestSegment[] {
  for (const stretch of stretchesOf(segments, damaged)) {
    const chosen = chooseFrom(stretch, deadRows, mergeBytes, isQuiet);
    if (chosen.length > 0) return chosen;
  }
  return [];
}

/** What cannot be read cannot be merged: to choose it would keep the others from their turn. */
function stretchesOf(
  segments: readonly ManifestSegment[],
  damaged: CompactionFacts["damaged"],
): readonly (readonly ManifestSegment[])[] {
  const stretches: ManifestSegment[][] = [[]];
  for (const segment of segments) {
    if (damaged.has(segment.id)) stretches.push([]);
    else stretches.at(-1)?.push(segment);
  }
  return stretches;
}

function chooseFrom(
  segments: readonly ManifestSegment[],
  deadRows: DeadRows,
  mergeBytes: number,
  isQuiet: boolean,
): readonly ManifestSegment[] {
  const worst = segmentWithMostDead(segments, deadRows);
  if (worst !== -1) return grownRun(segments, worst, deadRows, mergeBytes);
  for (let start = 0; start + segmentsPerMerge <= segments.length; start++) {
    const run = segments.slice(start, start + segmentsPerMerge);
    const bytes = run.reduce((sum, segment) => sum + segment.object.bytes, 0);
    const tiers = new Set(run.map(tierOf));
    if (tiers.size === 1 && bytes <= mergeBytes) return run;
  }
  return isQuiet ? longestRun(segments, mergeBytes) : [];
}

/**
 * Each segment costs every search as much as a large one would. Where nothing changes, fewer are
 * worth a rewrite that would not pay while more of them come.
 */
function longestRun(
  segments: readonly ManifestSegment[],
  mergeBytes: number,
): readonly ManifestSegment[] {
  let longest: readonly ManifestSegment[] = [];
  for (let start = 0; start < segments.length; start += 1) {
    let [bytes, largest] = [0, 0];
    for (let end = start; end < Math.min(segments.length, start + inputsMax); end += 1) {
      const own = segments[end]?.object.bytes ?? 0;
      bytes += own;
      largest = Math.max(largest, own);
      if (bytes > mergeBytes) break;
      const isWorth = end > start && bytes >= largest * growthMin;
      if (isWorth && end + 1 - start > longest.length) longest = segments.slice(start, end + 1);
    }
  }
  return longest;
}

function segmentWithMostDead(segments: readonly ManifestSegment[], deadRows: DeadRows): number {
  let worst = -1;
  let most = 0;
  for (const [at, segment] of segments.entries()) {
    const dead = deadRows.get(segment.id) ?? 0;
    if (!hasManyDead(segment, deadRows) || dead <= most) continue;
    worst = at;
    most = dead;
  }
  return worst;
}

/** With neighbours that want compacting too, as long as what lives of them makes one segment. */
function grownRun(
  segments: readonly ManifestSegment[],
  at: number,
  deadRows: DeadRows,
  mergeBytes: number,
): readonly ManifestSegment[] {
  const first = segments[at] as ManifestSegment;
  const isWanted = (segment: ManifestSegment) =>
    hasManyDead(segment, deadRows) || tierOf(segment) === tierOf(first);
  let bytes = livingBytes(first, deadRows);
  let from = at;
  let to = at + 1;
  const takes = (segment: ManifestSegment | undefined): boolean => {
    if (segment === undefined || to - from >= inputsMax || !isWanted(segment)) return false;
    const more = livingBytes(segment, deadRows);
    if (bytes + more > mergeBytes) return false;
    bytes += more;
    return true;
  };
  while (takes(segments[to])) to += 1;
  while (takes(segments[from - 1])) from -= 1;
  return segments.slice(from, to);
}

/** Such a segment is soon to be rewritten. */
export function hasManyDead(segment: ManifestSegment, deadRows: DeadRows): boolean {
  return (deadRows.get(segment.id) ?? 0) > segment.rowCount * deadShareMax;
}

function livingBytes({ id, rowCount, object }: ManifestSegment, deadRows: DeadRows): number {
  const dead = Math.min(rowCount, deadRows.get(id) ?? 0);
  return rowCount === 0 ? 0 : object.bytes * (1 - dead / rowCount);
}

/** Segments of one tier are within a factor of four of each other. */
function tierOf({ object }: ManifestSegment): number {
  return Math.max(0, Math.ceil(Math.log(object.bytes / smallestTierBytes) / Math.log(tierFactor)));
}
