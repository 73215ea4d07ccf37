// Searches with a filter that lets half, a tenth, a hundredth or a thousandth of the rows pass.

import { bucketOf, type DataSet } from "./data-sets.js";
import type { EngineClient } from "./engine-client.js";
import { settingFor } from "./equal-recall.js";
import { exactTruth, recallOf, shortAnswers, type Truth } from "./exact-truth.js";
import { type Figure, figure } from "./figures.js";
import { say } from "./run.js";

/** Of 1,000 buckets; the least rate is a share of the rate without a filter. */
const filters = [
  { bucketsBelow: 500, leastRate: 0.5 },
  { bucketsBelow: 100, leastRate: 0.25 },
  { bucketsBelow: 10, leastRate: 0.5 },
  { bucketsBelow: 1, leastRate: 0.5 },
] as const;

const recallWanted = 0.95;
const k = 10;

export interface FilteredPlan {
  readonly set: DataSet;
  readonly engine: EngineClient;
  readonly inFlight: number;
  readonly rounds: number;
  readonly forMs: number;
}

/** Elanus alone: what a filter costs is measured against its own rate without one. */
export async function filteredFigures(plan: FilteredPlan): Promise<readonly Figure[]> {
  const { engine, set } = plan;
  const unfiltered = await settingFor(engine, exactTruth(set, k), recallWanted);
  if (unfiltered === null) throw new Error(`a recall of ${recallWanted} is not reached`);
  const figures: Figure[] = [];
  for (const { bucketsBelow, leastRate } of filters) {
    const truth = exactTruth(set, k, (row) => bucketOf(row) < bucketsBelow);
    const { ef } = unfiltered;
    const answers = await engine.answers({ k, ef, bucketsBelow }, set.queries.length);
    const ratios: number[] = [];
    for (let round = 0; round <= plan.rounds; round += 1) {
      const whole = await rateOf(plan, ef, null);
      const part = await rateOf(plan, ef, bucketsBelow);
      if (round > 0) ratios.push(part / whole);
    }
    figures.push(...figuresOf(truth, bucketsBelow, answers, { ratios, leastRate }));
    say(`filter ${bucketsBelow / 10}%: measured`);
  }
  return figures;
}

async function rateOf({ engine, inFlight, forMs }: FilteredPlan, ef: number, below: number | null) {
  const options = { k, ef, bucketsBelow: below };
  return (await engine.load({ options, inFlight, batch: 1, forMs })).vectorsPerSecond;
}

function figuresOf(
  truth: Truth,
  bucketsBelow: number,
  answers: readonly (readonly number[])[],
  rate: { readonly ratios: readonly number[]; readonly leastRate: number },
): readonly Figure[] {
  const id = (name: string) => `search.filtered-${bucketsBelow / 10}%.${name}`;
  const what = `${bucketsBelow / 10}% of the rows pass a filter`;
  return [
    figure({
      ...{ id: id("recall"), what: `${what}: recall@10`, unit: "" },
      ...{ values: [recallOf(truth, answers)], target: [">=", recallWanted] },
    }),
    figure({
      ...{ id: id("short"), what: `${what}: answers with fewer hits than there are`, unit: "" },
      ...{ values: [shortAnswers(truth, answers)], target: ["==", 0] },
    }),
    figure({
      ...{ id: id("rate"), what: `${what}: rate against no filter`, unit: "x" },
      ...{ values: rate.ratios, target: [">=", rate.leastRate] },
    }),
  ];
}
