// Times to positions.
import { describe, expect, it } from "vitest";
import {
  createTimeline,
  forgetBefore,
  nextCommitAfter,
  record,
  sequenceAt,
} from "../../src/log/timeline.js";

function timeline() {
  const line = createTimeline();
  for (const [sequence, commit] of [
    [2, 20n],
    [5, 50n],
    [6, 51n],
  ] as const)
    record(line, sequence, commit);
  return line;
}

describe("timeline", () => {
  it("finds the last position committed at or before a time", () => {
    const cases = [
      [19n, 0],
      [20n, 2],
      [49n, 2],
      [50n, 5],
      [51n, 6],
      [999n, 6],
    ] as const;
    for (const [at, sequence] of cases) expect(sequenceAt(timeline(), at, 0)).toBe(sequence);
  });

  it("gives the floor where nothing is known so far back", () => {
    const line = timeline();
    forgetBefore(line, 5);
    expect(sequenceAt(line, 50n, 5)).toBe(5);
    expect(sequenceAt(line, 51n, 5)).toBe(6);
  });

  it("tells when a position was changed after", () => {
    expect(nextCommitAfter(timeline(), 2)).toBe(50n);
    expect(nextCommitAfter(timeline(), 6)).toBeNull();
  });
});
