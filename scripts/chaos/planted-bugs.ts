// `npm run chaos -- --planted-bugs`: real hosts with bugs on purpose, which the checker must find.
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import { type ChaosReport, type ChaosSettings, chaosDefaults } from "./chaos-settings.js";
import { mutantVariable } from "./crash-arm.js";
import { runChaos } from "./run-chaos.js";

/** Where a bug does harm; right code bears it without a violation. */
interface Circumstances {
  readonly only: readonly string[];
  readonly kills: number;
  readonly deletesOfTen?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

const restarts: Circumstances = { only: ["kill-query", "kill-data"], kills: 6, deletesOfTen: 5 };
const retries: Circumstances = { only: ["freeze-proxy", "kill-proxy"], kills: 6 };

/** By the name of the planted bug. */
const trials: Readonly<Record<string, Circumstances>> = {
  "acknowledge-early": { only: ["kill-proxy", "kill-nats"], kills: 8 },
  "strong-as-eventual": restarts,
  "join-barrier-in-flight": restarts,
  "tombstones-not-loaded": restarts,
  "tombstones-dropped": restarts,
  "dead-rows-not-copied": restarts,
  "checkpoint-at-read-position": restarts,
  "root-before-objects": restarts,
  "collect-without-grace": restarts,
  "message-id-without-body": retries,
  "message-id-per-attempt": retries,
  "ids-by-proxy": retries,
  "append-after-reconnect": retries,
  "delete-without-bound": retries,
  "purge-at-head": { only: ["kill-nats", "kill-proxy"], kills: 8 },
};

export const hostScript = fileURLToPath(new URL("./altered-host.js", import.meta.url));

export interface PlantedBugsOptions {
  readonly seed: number;
  /** Null: each in turn. */
  readonly mutant: string | null;
  /** The same circumstances without the bugs. */
  readonly isControl: boolean;
}

/** Prints how each was found and one line of JSON; returns the exit code. */
export async function findPlantedBugs(options: PlantedBugsOptions): Promise<number> {
  const names = options.mutant === null ? Object.keys(trials) : [options.mutant];
  const table = new Table({ head: ["planted bug", "found as", "rows", "seconds"] });
  const missed: string[] = [];
  for (const name of names) {
    const report = await tryOne(name, options);
    const found = findingOf(report);
    if (found === null) missed.push(name);
    table.push([name, (found ?? "no").slice(0, 80), report.acknowledged, report.seconds]);
    console.error(`${name}: ${found ?? "not found"}`);
  }
  console.log(table.toString());
  const caught = names.length - missed.length;
  if (options.isControl) {
    console.log(JSON.stringify({ control: names.length, violations: caught }));
    return caught === 0 ? 0 : 1;
  }
  console.log(JSON.stringify({ planted: names.length, caught, missed }));
  return missed.length === 0 ? 0 : 1;
}

async function tryOne(name: string, options: PlantedBugsOptions): Promise<ChaosReport> {
  const circumstances = trials[name];
  if (circumstances === undefined) throw new Error(`no circumstances are known for '${name}'`);
  const { only, kills, deletesOfTen, environment } = circumstances;
  const found = new AbortController();
  const settings: ChaosSettings = {
    ...chaosDefaults,
    ...{ only, kills, seed: options.seed, writes: 1, coldStartSearches: 0, hostScript },
    deletesOfTen: deletesOfTen ?? chaosDefaults.deletesOfTen,
    hostEnvironment: { ...environment, ...(options.isControl ? {} : { [mutantVariable]: name }) },
    signal: found.signal,
    progress: ({ violations }) => (violations > 0 ? found.abort("found") : undefined),
  };
  return runChaos(settings);
}

/** That a cluster does not come back is a finding, too. */
function findingOf({ violations, notRecovered }: ChaosReport): string | null {
  const [first] = violations;
  if (first !== undefined) return `${first.kind}: ${first.text}`;
  return notRecovered === null ? null : `not recovered: ${notRecovered}`;
}
