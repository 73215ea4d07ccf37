// `npm run chaos -- --planted-bugs`: real hosts with bugs on purpose, which the checker must find.
import Table from "cli-table3";
import { coordinatorTrials } from "./trials/coordinator-trials.js";
import { dataWorkerTrials } from "./trials/data-worker-trials.js";
import { proxyTrials } from "./trials/proxy-trials.js";
import { queryWorkerTrials } from "./trials/query-worker-trials.js";
import { runTrial, type Trial } from "./trials/trial.js";

/** By the name of the planted bug. */
const trials: Readonly<Record<string, Trial>> = {
  ...proxyTrials,
  ...queryWorkerTrials,
  ...dataWorkerTrials,
  ...coordinatorTrials,
};

export interface PlantedBugsOptions {
  /** Null: each in turn. */
  readonly mutant: string | null;
  /** The same circumstances without the bugs. */
  readonly isControl: boolean;
}

/** Prints how each was found and one line of JSON; returns the exit code. */
export async function findPlantedBugs({ mutant, isControl }: PlantedBugsOptions): Promise<number> {
  const names = mutant === null ? Object.keys(trials) : [mutant];
  const table = new Table({ head: ["planted bug", "found as", "rounds", "rows", "seconds"] });
  const foundIn: string[] = [];
  for (const name of names) {
    const trial = trials[name];
    if (trial === undefined) throw new Error(`no circumstances are known for '${name}'`);
    const { found, rounds, acknowledged, seconds } = await runTrial(trial, isControl ? null : name);
    if (found !== null) foundIn.push(name);
    table.push([name, (found ?? "no").slice(0, 80), rounds, acknowledged, seconds]);
    console.error(`${name}: ${found ?? "nothing found"}, ${rounds} rounds, ${seconds} s`);
  }
  console.log(table.toString());
  const missed = names.filter((name) => !foundIn.includes(name));
  if (isControl) {
    console.log(JSON.stringify({ control: names.length, violations: foundIn.length, foundIn }));
    return foundIn.length === 0 ? 0 : 1;
  }
  console.log(JSON.stringify({ planted: names.length, caught: foundIn.length, missed }));
  return missed.length === 0 ? 0 : 1;
}
