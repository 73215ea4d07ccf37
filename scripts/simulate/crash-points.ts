// `npm run simulate -- --crash-points`: a process dies at every point, alone, in pairs, three deep.
import { exploreSimulated, type SimulatedCrashes } from "./crash-exploration.js";

export interface CrashOptions {
  readonly seed?: number | undefined;
  /** Only a few of the pairs. */
  readonly isQuick: boolean;
  readonly triples: number;
}

const shownMax = 20;

/** Prints what failed and one line of JSON; returns the exit code. */
export async function simulateCrashPoints(options: CrashOptions): Promise<number> {
  const { unreached, unlisted, failures, ...figures } = await exploreSimulated({
    seed: options.seed ?? 1,
    isQuick: options.isQuick,
    triples: options.triples,
    onProgress: (text) => console.error(text),
  });
  for (const point of unreached) console.error(`no run comes to ${point}`);
  for (const point of unlisted) console.error(`not listed: ${point}`);
  for (const { job, violation } of failures.slice(0, shownMax)) {
    console.error(`${violation}\n  ${JSON.stringify(job)}`);
  }
  const counts = { unreached: unreached.length, unlisted: unlisted.length };
  console.log(JSON.stringify({ ...figures, ...counts, violations: failures.length }));
  const isWhole = options.isQuick || figures.pairs.firstPointsOpen === 0;
  return isWhole && isSound({ unreached, unlisted, failures }) ? 0 : 1;
}

function isSound(found: Pick<SimulatedCrashes, "unreached" | "unlisted" | "failures">): boolean {
  return Object.values(found).every((list) => list.length === 0);
}
