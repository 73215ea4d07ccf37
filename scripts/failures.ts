// `npm run failures`: kills and freezes each kind of process under load, against a table.
import { pathToFileURL } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import type { Profile } from "./cluster/parts.js";
import { requestsPerSecondDefault } from "./failures/load.js";
import { tableOf } from "./failures/report.js";
import { scenarios } from "./failures/rows.js";
import { type RowResult, runScenario } from "./failures/run-scenario.js";
import type { Scenario } from "./failures/scenario.js";

interface Options {
  readonly only?: readonly string[];
  readonly profile?: Profile;
  readonly short?: true;
  readonly rate: number;
  readonly json?: true;
}

async function run(options: Options): Promise<number> {
  const { only, profile, rate, json } = options;
  const names = scenarios.map(({ row }) => row);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    console.error(`no row '${unknown}': there are ${names.join(", ")}`);
    return 2;
  }
  const chosen = scenarios.filter(
    (scenario) =>
      (only?.includes(scenario.row) ?? true) && scenario.profile === (profile ?? scenario.profile),
  );
  const settings = { requestsPerSecond: rate, isShort: options.short === true };
  const results: RowResult[] = [];
  for (const scenario of chosen) {
    const result = await runScenario(scenario, settings, (phase) => showProgress(scenario, phase));
    results.push(result);
    if (json === true) console.log(JSON.stringify(result));
  }
  if (json !== true) console.log(tableOf(results));
  if (results.some(({ verdict }) => verdict === "unmet")) return 1;
  return results.every(({ verdict }) => verdict === "met") ? 0 : 3;
}

function showProgress({ row }: Scenario, phase: string): void {
  if (process.stderr.isTTY) console.error(`${row}: ${phase}`);
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError("a whole number is wanted");
  return Number(text);
}

function profileOption(): Option {
  return new Option("--profile <profile>", "rows of this one only").choices([
    "embedded",
    "cluster",
  ]);
}

function commandOf(): Command {
  return new Command("failures")
    .description(
      "Kills each kind of process under load; exit code 1 when a row is not met, 3 when busy.",
    )
    .option("--only <rows...>", "these rows only")
    .addOption(profileOption())
    .option("--short", "what is away for minutes is away for one")
    .option("--rate <number>", "requests a second", wholeNumber, requestsPerSecondDefault)
    .option("--json", "a line of JSON for each row");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exitCode = await run(commandOf().parse().opts<Options>());
}
