// Finds for each system how far it must look to reach the recall that all are compared at.
import type { EngineClient } from "./engine-client.js";
import { recallOf, type Truth } from "./exact-truth.js";

export interface Setting {
  readonly ef: number;
  readonly recall: number;
}

const efMin = 10;
const efMax = 1_024;
const stepMin = 1.06;

/**
 * The smallest `ef`, to about six percent, with which the recall is reached; null where even the
 * largest is not enough.
 */
export async function settingFor(
  engine: EngineClient,
  truth: Truth,
  wanted: number,
  bucketsBelow: number | null = null,
): Promise<Setting | null> {
  const measure = async (ef: number) => ({
    ef,
    recall: await recallAt(engine, truth, ef, bucketsBelow),
  });
  let low = efMin;
  let best: Setting | null = null;
  for (let ef = 32; best === null; ef = Math.min(efMax, ef * 2)) {
    const tried = await measure(ef);
    if (tried.recall >= wanted) best = tried;
    else if (ef === efMax) return null;
    else low = ef;
  }
  while (best.ef / low > stepMin) {
    const tried = await measure(Math.round(Math.sqrt(best.ef * low)));
    if (tried.recall >= wanted) best = tried;
    else low = tried.ef;
    if (best.ef - low <= 1) break;
  }
  return best;
}

/** Over all queries of the set. */
export async function recallAt(
  engine: EngineClient,
  truth: Truth,
  ef: number,
  bucketsBelow: number | null = null,
): Promise<number> {
  const options = { k: truth.k, ef, bucketsBelow };
  return recallOf(truth, await engine.answers(options, truth.set.queries.length));
}
