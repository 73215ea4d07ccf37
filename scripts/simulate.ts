// `npm run simulate`: runs seeds of the simulation, or shows that it finds the bugs planted in it.
import { pathToFileURL } from "node:url";
import { SingleBar } from "cli-progress";
import Table from "cli-table3";
import { Command, InvalidArgumentError } from "commander";
import type { Mutant } from "../src/simulation/mutant.js";
import { findMutant, mutants } from "../src/simulation/mutants/all.js";
import { runSeed, type SeedResult } from "../src/simulation/run-seed.js";

interface Options {
  readonly seeds: number;
  readonly seed?: number;
  readonly bug?: string;
  readonly trace?: boolean;
  readonly plantedBugs?: boolean;
}

interface Runs {
  readonly seeds: number;
  readonly steps: number;
  /** Writes that were acknowledged and reads that were answered: faults alone prove nothing. */
  readonly acknowledged: number;
  readonly answered: number;
  readonly failed: readonly SeedResult[];
}

const firstSeed = 1;

async function runSeeds(
  range: { from: number; count: number },
  options: { mutant: Mutant | null; keepsTrace: boolean; untilFirst: boolean },
): Promise<Runs> {
  const bar = new SingleBar({
    format: "{bar} {value}/{total} seeds, {rate}/s, {eta_formatted} left",
  });
  const startedAt = performance.now();
  if (process.stderr.isTTY) bar.start(range.count, 0, { rate: "0" });
  const failed: SeedResult[] = [];
  let [seeds, steps, acknowledged, answered] = [0, 0, 0, 0];
  for (let seed = range.from; seed < range.from + range.count; seed += 1) {
    const result = await runSeed({ seed, ...options });
    seeds += 1;
    steps += result.steps;
    acknowledged += result.counts.acknowledged;
    answered += result.counts.answered;
    const rate = ((seeds * 1_000) / (performance.now() - startedAt)).toFixed(1);
    bar.update(seeds, { rate });
    if (options.keepsTrace) console.log(result.lines.join("\n"));
    if (result.violation === null) continue;
    failed.push(result);
    if (options.untilFirst) break;
  }
  bar.stop();
  return { seeds, steps, acknowledged, answered, failed };
}

function show({ seed, violation, hash, virtualMs }: SeedResult, bug: string | undefined): void {
  const again = bug === undefined ? "" : ` --bug ${bug}`;
  console.error(`seed ${seed}: ${violation}`);
  console.error(`  after ${(virtualMs / 1_000).toFixed(1)} virtual seconds, trace ${hash}`);
  console.error(`  replay: npm run simulate -- --seed ${seed}${again} --trace`);
}

async function simulate(options: Options): Promise<number> {
  const { bug, seed, trace: keepsTrace = false } = options;
  const mutant = bug === undefined ? null : findMutant(bug);
  if (mutant === undefined) {
    console.error(
      `no planted bug '${bug}': there are ${mutants.map(({ name }) => name).join(", ")}`,
    );
    return 2;
  }
  const range = { from: seed ?? firstSeed, count: seed === undefined ? options.seeds : 1 };
  const runs = await runSeeds(range, { mutant, keepsTrace, untilFirst: mutant !== null });
  const { failed, ...amounts } = runs;
  for (const result of failed) show(result, bug);
  const [first] = failed;
  const figures = { ...amounts, violations: failed.length };
  if (mutant === null) {
    console.log(JSON.stringify(figures));
    return first === undefined ? 0 : 1;
  }
  const caught = first !== undefined;
  console.log(JSON.stringify({ ...figures, bug, caught, seed: first?.seed ?? null }));
  return caught ? 0 : 1;
}

async function simulatePlantedBugs({ seeds }: Options): Promise<number> {
  const table = new Table({ head: ["planted bug", "found", "seeds needed", "as"] });
  let caught = 0;
  for (const mutant of mutants) {
    const range = { from: firstSeed, count: seeds };
    const runs = await runSeeds(range, { mutant, keepsTrace: false, untilFirst: true });
    const [first] = runs.failed;
    if (first !== undefined) caught += 1;
    const found = first === undefined ? "no" : "yes";
    table.push([mutant.name, found, runs.seeds, (first?.violation ?? "").slice(0, 70)]);
  }
  console.log(table.toString());
  console.log(JSON.stringify({ planted: mutants.length, caught }));
  return caught === mutants.length ? 0 : 1;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("a whole number is wanted");
  return Number(text);
}

function commandOf(): Command {
  return new Command("simulate")
    .description("Runs all actors under one seed, with faults, and audits every answer.")
    .option("--seeds <number>", "how many seeds", wholeNumber, 200)
    .option("--seed <number>", "only this one", wholeNumber)
    .option("--bug <name>", "with this planted bug, until it is found")
    .option("--trace", "print every delivery")
    .option("--planted-bugs", "with each planted bug in turn: all must be found");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const options = commandOf().parse().opts<Options>();
  const running = options.plantedBugs ? simulatePlantedBugs(options) : simulate(options);
  process.exitCode = await running;
}
