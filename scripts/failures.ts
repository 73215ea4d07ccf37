// `npm run failures`: kills and freezes each kind of process under load, against a table.
import { pathToFileURL } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { requestsPerSecondDefault } from "./failures/load.js";
import { tableOf } from "./failures/report.js";
import { scenarios } from "./failures/rows.js";
import { type RowResult, runScenario } from "./failures/run-scenario.js";
import type { Scenario } from "./failures/scenario.js";

interface Options {
  readonly only?: readonly string[];
  readonly rate: number;
  readonly json?: true;
}

async function run({ only, rate, json }: Options): Promise<number> {
  const names = scenarios.map(({ row }) => row);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    console.error(`no row '${unknown}': there are ${names.join(", ")}`);
    return 2;
  }
  const results: RowResult[] = [];
  for (const scenario of scenarios.filter(({ row }) => only?.includes(row) ?? true)) {
    results.push(await runScenario(scenario, rate, (phase) => showProgress(scenario, phase)));
  }
  console.log(json === true ? JSON.stringify({ rows: results }) : tableOf(results));
  return results.every(({ met }) => met) ? 0 : 1;
}

function showProgress({ row }: Scenario, phase: string): void {
  if (process.stderr.isTTY) console.error(`${row}: ${phase}`);
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError("a whole number is wanted");
  return Number(text);
}

function commandOf(): Command {
  return new Command("failures")
    .description("Kills each kind of process under load; exit code 1 when a row is not met.")
    .option("--only <rows...>", "these rows only")
    .option("--rate <number>", "requests a second", wholeNumber, requestsPerSecondDefault)
    .option("--json", "one line of JSON");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exitCode = await run(commandOf().parse().opts<Options>());
}
