// All planted bugs there are, by name.
import type { Mutant } from "../mutant.js";
import * as ofCoordinator from "./coordinator-mutants.js";
import * as ofDataWorker from "./data-worker-mutants.js";
import * as ofProxy from "./proxy-mutants.js";
import * as ofQueryWorker from "./query-worker-mutants.js";

export const mutants: readonly Mutant[] = [
  ofProxy,
  ofQueryWorker,
  ofDataWorker,
  ofCoordinator,
].flatMap((module): Mutant[] => Object.values(module));

export function findMutant(name: string): Mutant | undefined {
  return mutants.find((mutant) => mutant.name === name);
}
