// `npm run simulate`: runs seeds of the simulation, or shows that it finds the bugs planted in it.
import { pathToFileURL } from "node:url";
import { SingleBar } from "cli-progress";
import Table from "cli-table3";
import { Command, InvalidArgumentError } from "commander";
import { findMutant, mutants } from "../src/simulation/mutants/all.js";
import type { SeedResult } from "../src/simulation/run-seed.js";
import { simulateCrashPoints } from "./simulate/crash-points.js";
import { runSeeds, type SeedRange } from "./simulate/run-seeds.js";

interface Options {
  readonly seeds: number;
  readonly seed?: number;
  readonly bug?: string;
  readonly trace?: boolean;
  readonly plantedBugs?: boolean;
  readonly crashPoints?: boolean;
  readonly quick?: boolean;
  readonly triples: number;
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

async function run(range: SeedRange, bug: string | null, options: Options): Promise<Runs> {
  const bar = new SingleBar({
    format: "{bar} {value}/{total} seeds, {rate}/s, {eta_formatted} left",
  });
  const startedAt = performance.now();
  if (process.stderr.isTTY) bar.start(range.count, 0, { rate: "0" });
  const failed: SeedResult[] = [];
  const amounts = { seeds: 0, steps: 0, acknowledged: 0, answered: 0 };
  const onResult = (result: SeedResult) => {
    amounts.seeds += 1;
    amounts.steps += result.steps;
    amounts.acknowledged += result.counts.acknowledged;
    amounts.answered += result.counts.answered;
    const rate = ((amounts.seeds * 1_000) / (performance.now() - startedAt)).toFixed(1);
    bar.update(amounts.seeds, { rate });
    if (result.violation !== null) {
      failed.push(result);
      if (!options.plantedBugs) show(result, bug);
    } else if (options.seed !== undefined) console.error(`trace ${result.hash}`);
    for (const line of result.lines) console.log(line);
  };
  const keepsTrace = options.trace === true;
  await runSeeds(range, { bug, keepsTrace, untilFirst: bug !== null, onResult });
  bar.stop();
  failed.sort((a, b) => a.seed - b.seed);
  return { ...amounts, failed };
}

function show({ seed, violation, hash, virtualMs }: SeedResult, bug: string | null): void {
  const again = bug === null ? "" : ` --bug ${bug}`;
  console.error(`seed ${seed}: ${violation}`);
  console.error(`  after ${(virtualMs / 1_000).toFixed(1)} virtual seconds, trace ${hash}`);
  console.error(`  replay: npm run simulate -- --seed ${seed}${again} --trace`);
}

async function simulate(options: Options): Promise<number> {
  const { bug, seed } = options;
  if (bug !== undefined && findMutant(bug) === undefined) {
    console.error(
      `no planted bug '${bug}': there are ${mutants.map(({ name }) => name).join(", ")}`,
    );
    return 2;
  }
  const range = { from: seed ?? firstSeed, count: seed === undefined ? options.seeds : 1 };
  const { failed, ...amounts } = await run(range, bug ?? null, options);
  const [first] = failed;
  const figures = { ...amounts, violations: failed.length };
  if (bug === undefined) {
    console.log(JSON.stringify(figures));
    return first === undefined ? 0 : 1;
  }
  const caught = first !== undefined;
  console.log(JSON.stringify({ ...figures, bug, caught, seed: first?.seed ?? null }));
  return caught ? 0 : 1;
}

async function simulatePlantedBugs(options: Options): Promise<number> {
  const table = new Table({ head: ["planted bug", "found", "seeds needed", "as"] });
  let caught = 0;
  for (const mutant of mutants) {
    const range = { from: firstSeed, count: options.seeds };
    const { failed, seeds } = await run(range, mutant.name, options);
    const [first] = failed;
    if (first !== undefined) caught += 1;
    const found = first === undefined ? "no" : "yes";
    table.push([
      mutant.name,
      found,
      first === undefined ? seeds : first.seed - firstSeed + 1,
      (first?.violation ?? "").slice(0, 70),
    ]);
  }
  console.log(table.toString());
  console.log(JSON.stringify({ planted: mutants.length, caught }));
  return caught === mutants.length ? 0 : 1;
}

function start(options: Options): Promise<number> {
  if (options.crashPoints) {
    return simulateCrashPoints({ ...options, isQuick: options.quick === true });
  }
  return options.plantedBugs ? simulatePlantedBugs(options) : simulate(options);
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
    .option("--planted-bugs", "with each planted bug in turn: all must be found")
    .option("--crash-points", "a process dies at every point at which something is persisted")
    .option("--quick", "only some of the pairs of crash points")
    .option("--triples <number>", "of crash points, drawn by the seed", wholeNumber, 200);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const options = commandOf().parse().opts<Options>();
  process.exitCode = await start(options);
}
