// The exact scan that every answer is held against, and the recall that it finds.
import type { DataSet } from "./data-sets.js";

/** For each query the score that the k-th nearest row has. */
export interface Truth {
  readonly set: DataSet;
  readonly k: number;
  readonly worstScores: readonly number[];
  /** How many rows there are to be found, k at most. */
  readonly wanted: number;
  passes(row: number): boolean;
}

/** Rounding of float32 sums: an answer this close to the k-th nearest is as near. */
const tolerance = 1e-6;

export function exactTruth(set: DataSet, k: number, passes = (_row: number) => true): Truth {
  const rows = Int32Array.from({ length: set.rowCount }, (_, row) => row).filter(passes);
  const wanted = Math.min(k, rows.length);
  const scores = new Float64Array(rows.length);
  const worstScores = set.queries.map((query) => {
    for (const [place, row] of rows.entries()) scores[place] = scoreOf(set, query, row);
    return kthLargest(scores, wanted);
  });
  return { set, k, worstScores, wanted, passes };
}

function scoreOf(set: DataSet, query: Float32Array, row: number): number {
  const { rows, dimension } = set;
  const start = row * dimension;
  let [even, odd] = [0, 0];
  for (let index = 0; index < dimension; index += 2) {
    even += (query[index] as number) * (rows[start + index] as number);
    odd += (query[index + 1] as number) * (rows[start + index + 1] as number);
  }
  return even + odd;
}

function kthLargest(scores: Float64Array, k: number): number {
  const best = new Float64Array(k).fill(Number.NEGATIVE_INFINITY);
  for (const score of scores) {
    if (score <= (best[0] as number)) continue;
    let place = 1;
    for (; place < k && (best[place] as number) < score; place += 1) {
      best[place - 1] = best[place] as number;
    }
    best[place - 1] = score;
  }
  return best[0] ?? Number.NEGATIVE_INFINITY;
}

/**
 * The share of the exact k nearest that the answers hold. A row counts once, when it passes the
 * filter and its score, computed here, is one of the k best.
 */
export function recallOf(truth: Truth, answers: readonly (readonly number[])[]): number {
  let found = 0;
  for (const [place, answer] of answers.entries()) {
    const query = truth.set.queries[place] as Float32Array;
    const worst = (truth.worstScores[place] as number) - tolerance;
    const good = [...new Set(answer)].filter(
      (row) => isRow(truth, row) && truth.passes(row) && scoreOf(truth.set, query, row) >= worst,
    );
    found += Math.min(good.length, truth.wanted);
  }
  return found / (answers.length * truth.wanted);
}

function isRow({ set }: Truth, row: number): boolean {
  return Number.isInteger(row) && row >= 0 && row < set.rowCount;
}

/** Answers with fewer rows than there are to be found. */
export function shortAnswers(truth: Truth, answers: readonly (readonly number[])[]): number {
  return answers.filter((answer) => answer.length < truth.wanted).length;
}
