// Maps a time to the position whose rows were current at that time.
import type { Timestamp } from "./timestamp.js";

/** The commits of the entries that changed rows, oldest first, from the readable past on. */
export interface Timeline {
  readonly sequences: number[];
  readonly commits: Timestamp[];
}

export function createTimeline(): Timeline {
  return { sequences: [], commits: [] };
}

export function record(timeline: Timeline, sequence: number, commit: Timestamp): void {
  if (timeline.sequences.at(-1) === sequence) return;
  timeline.sequences.push(sequence);
  timeline.commits.push(commit);
}

/** The last position committed at or before `at`; `floor` when none is that old. */
export function sequenceAt(timeline: Timeline, at: Timestamp, floor: number): number {
  const index = firstAfter(timeline.commits, at);
  return Math.max(floor, timeline.sequences[index - 1] ?? floor);
}

/** Forgets what lies before `through`; positions from `through` on stay exact. */
export function forgetBefore(timeline: Timeline, through: number): void {
  const kept = timeline.sequences.findIndex((sequence) => sequence > through);
  const count = kept === -1 ? timeline.sequences.length : kept;
  timeline.sequences.splice(0, count);
  timeline.commits.splice(0, count);
}

function firstAfter<Value extends Timestamp | number>(values: readonly Value[], at: Value): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] as Value) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The commit of the first change after this position; null when there was none yet. */
export function nextCommitAfter(timeline: Timeline, sequence: number): Timestamp | null {
  return timeline.commits[firstAfter(timeline.sequences, sequence)] ?? null;
}
