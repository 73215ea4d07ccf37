// All planted bugs there are, by name.
import type { Mutant } from "../mutant.js";

export const mutants: readonly Mutant[] = [];

export function findMutant(name: string): Mutant | undefined {
  return mutants.find((mutant) => mutant.name === name);
}
