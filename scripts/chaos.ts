// `npm run chaos`: real processes are killed under load, and a ledger tells what came of it.
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError, Option } from "commander";
import {
  type ChaosSettings,
  chaosDefaults,
  isClean,
  type Progress,
} from "./chaos/chaos-settings.js";
import { type CrashPointsOptions, crashAtPoints } from "./chaos/crash-points.js";
import { findPlantedBugs } from "./chaos/planted-bugs.js";
import { figuresOf, reportLines } from "./chaos/report-lines.js";
import { runChaos } from "./chaos/run-chaos.js";
import { interruption } from "./elanus/interruption.js";
import { simulateCrashPoints } from "./simulate/crash-points.js";

interface Options {
  readonly kills: number;
  readonly writes: number;
  readonly handOvers: number;
  readonly seed: number;
  readonly profile: ChaosSettings["profile"];
  readonly nats: "1" | "3";
  readonly only: readonly string[];
  readonly coldStart: number;
  readonly json?: boolean;
  readonly crashPoints?: boolean;
  readonly pairs: number;
  readonly plantedBugs?: boolean;
  readonly mutant?: string;
  readonly control?: boolean;
}

/** Hand-overs under constant deletes want these, where nothing else is said. */
const handOverFaults = ["kill-query", "kill-data"];
const handOverDeletesOfTen = 6;

function settingsOf(options: Options): ChaosSettings {
  const { kills, writes, seed, profile, handOvers } = options;
  const isHandOvers = handOvers > 0;
  return {
    ...chaosDefaults,
    ...{ kills, writes, seed, profile, handOvers },
    natsServers: options.nats === "3" ? 3 : 1,
    only: isHandOvers && options.only.length === 0 ? handOverFaults : options.only,
    deletesOfTen: isHandOvers ? handOverDeletesOfTen : chaosDefaults.deletesOfTen,
    coldStartSearches: options.coldStart,
  };
}

async function chaos(options: Options): Promise<number> {
  const aborter = new AbortController();
  void interruption().then((reason) => aborter.abort(reason));
  const display = options.json ? silent() : process.stderr.isTTY ? bar(options) : lines();
  const report = await runChaos({
    ...settingsOf(options),
    signal: aborter.signal,
    progress: display.show,
  });
  display.stop();
  if (!options.json) for (const line of reportLines(report)) console.log(line);
  console.log(JSON.stringify(figuresOf(report)));
  if (report.refused !== null) return 2;
  return isClean(report) ? 0 : 1;
}

interface Display {
  show(progress: Progress): void;
  stop(): void;
}

function silent(): Display {
  return { show: () => null, stop: () => null };
}

function bar({ kills }: Options): Display {
  const format = "{bar} {value}/{total} kills, {writes} rows, {violations} violations, {phase}";
  const shown = new SingleBar({ format });
  shown.start(kills, 0, { writes: 0, violations: 0, phase: "starts" });
  return {
    show: (progress) => shown.update(Math.min(kills, progress.kills), { ...progress }),
    stop: () => shown.stop(),
  };
}

function lines(): Display {
  return {
    show({ phase, kills, writes, handOvers, violations }) {
      const amounts = `${kills} kills, ${writes} rows, ${handOvers} hand-overs`;
      console.error(`${amounts}, ${violations} violations: ${phase}`);
    },
    stop: () => null,
  };
}

function start(options: Options): Promise<number> {
  const { seed, only, pairs, mutant = null } = options;
  if (options.crashPoints) return crashEverywhere({ seed, only, pairs });
  if (!options.plantedBugs) return chaos(options);
  return findPlantedBugs({ mutant, isControl: options.control === true });
}

/** Simulated, where every pair is run too; then in real processes, which come to most of them. */
async function crashEverywhere(options: CrashPointsOptions): Promise<number> {
  const isWhole = options.only.length === 0;
  const simulated = isWhole ? await simulateCrashPoints({ triples: 200, isQuick: false }) : 0;
  return Math.max(simulated, await crashAtPoints(options));
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("a whole number is wanted");
  return Number(text);
}

const listOf = (text: string) => text.split(",").map((name) => name.trim());

await new Command("chaos")
  .description("Kills, freezes and cuts real processes under load, and checks every row.")
  .option("--kills <number>", "at least so many", wholeNumber, chaosDefaults.kills)
  .option("--writes <number>", "rows acknowledged, at least", wholeNumber, chaosDefaults.writes)
  .option("--hand-overs <number>", "until so many, under constant deletes", wholeNumber, 0)
  .option("--seed <number>", "of the schedule of faults and of the load", wholeNumber, 1)
  .addOption(
    new Option("--profile <name>", "which parts")
      .choices(["embedded", "cluster"])
      .default(chaosDefaults.profile),
  )
  .addOption(new Option("--nats <number>", "servers").choices(["1", "3"]).default("1"))
  .option("--only <kinds>", "of faults, such as kill-query,freeze-data", listOf, [])
  .option(
    "--cold-start <searches>",
    "compared before and after everything was stopped; 0: none",
    wholeNumber,
    chaosDefaults.coldStartSearches,
  )
  .option("--json", "nothing but the last line")
  .option("--crash-points", "hosts die at each point at which something is persisted")
  .option("--pairs <number>", "of crash points, drawn by the seed", wholeNumber, 10)
  .option("--planted-bugs", "hosts with bugs on purpose: all must be found")
  .option("--mutant <name>", "of the planted bugs only this one")
  .option("--control", "the circumstances of the planted bugs, without the bugs")
  .action(async (options: Options) => {
    process.exitCode = await start(options);
  })
  .parseAsync();
