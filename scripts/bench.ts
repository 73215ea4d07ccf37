// The benchmark: Elanus and its peers, measured in one run on the same cores, at equal recall.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Argument, Command } from "commander";
import { failoverGroup } from "./bench/failover.js";
import { type Figure, machine, markdownTable } from "./bench/figures.js";
import { freshnessGroup } from "./bench/freshness.js";
import { idleGroup } from "./bench/idle.js";
import { ingestGroup } from "./bench/ingest.js";
import { coldStartGroup, memoryGroup } from "./bench/loaded.js";
import { readyBenchPackages } from "./bench/packages.js";
import { type Plot, writePlots } from "./bench/plots.js";
import { printProfiles } from "./bench/profiles.js";
import { type Group, type GroupResult, type ProfileWindow, type Run, say } from "./bench/run.js";
import { scaleGroup } from "./bench/scale.js";
import { searchGroup } from "./bench/search.js";

const groups = {
  search: searchGroup,
  ingest: ingestGroup,
  freshness: freshnessGroup,
  failover: failoverGroup,
  coldstart: coldStartGroup,
  idle: idleGroup,
  memory: memoryGroup,
  scale: scaleGroup,
} as const satisfies Record<string, Group>;
type GroupName = keyof typeof groups;
const groupNames = Object.keys(groups) as GroupName[];

type Asked = readonly (GroupName | "all")[];

const resultsDirectory = join("bench", "results");
const profilesDirectory = join(".elanus", "bench", "profiles");

interface Options {
  readonly quick: boolean;
  readonly json: boolean;
  readonly profile: boolean;
  readonly save: boolean;
}

async function run(asked: Asked, options: Options): Promise<void> {
  readyBenchPackages();
  const chosen = groupNames.filter((name) => asked.includes("all") || asked.includes(name));
  const settings: Run = {
    quick: options.quick,
    profilesIn: options.profile ? readyProfiles() : null,
  };
  const figures: Figure[] = [];
  const plots: Plot[] = [];
  const windows: ProfileWindow[] = [];
  for (const name of chosen) {
    say(`== ${name}`);
    const startedAtMs = performance.now();
    const result = await groups[name](settings).catch((error: unknown) => failed(name, error));
    figures.push(...result.figures);
    plots.push(...(result.plots ?? []));
    windows.push(...(result.windows ?? []));
    say(`== ${name} took ${Math.round((performance.now() - startedAtMs) / 1_000)} s`);
    // An hour's figures are not to go with what comes after them.
    if (options.save && !options.profile) await save(textOf(asked, options, figures), plots);
  }
  if (options.profile) return printProfiles(profilesDirectory, windows);
  console.log(options.json ? textOf(asked, options, figures) : markdownTable(figures));
}

/** The other groups are measured all the same. */
function failed(name: GroupName, error: unknown): GroupResult {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  say(`${name} failed: ${what}`);
  process.exitCode = 1;
  return { figures: [] };
}

function textOf(asked: Asked, options: Options, figures: readonly Figure[]): string {
  const mode = options.quick ? "quick" : "full";
  const result = { commit: commit(), mode, groups: asked.join(" "), machine: machine(), figures };
  return `${JSON.stringify(result, null, 2)}\n`;
}

async function save(text: string, plots: readonly Plot[]): Promise<void> {
  mkdirSync(resultsDirectory, { recursive: true });
  writeFileSync(join(resultsDirectory, "latest.json"), text);
  await writePlots(resultsDirectory, plots);
}

function commit(): string {
  return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
}

/** Every process that is forked from here on inherits the options, and so do its threads. */
function readyProfiles(): string {
  rmSync(profilesDirectory, { recursive: true, force: true });
  mkdirSync(profilesDirectory, { recursive: true });
  process.execArgv.push("--cpu-prof", `--cpu-prof-dir=${resolve(profilesDirectory)}`);
  return profilesDirectory;
}

await new Command("bench")
  .description("measures Elanus and its peers")
  .addArgument(
    new Argument("[groups...]", "what to measure").choices([...groupNames, "all"]).default(["all"]),
  )
  .option("--quick", "fewer rows, shorter measurements: ten minutes for all on two cores", false)
  .option("--json", "print the result as JSON instead of a table", false)
  .option("--profile", "of Elanus alone: which functions take the time, in each process", false)
  .option("--no-save", "leave bench/results as it is")
  .action((asked: Asked, options: Options) => run(asked, options))
  .parseAsync();
