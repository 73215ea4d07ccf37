// `npm run soak`: load with a kill now and then; whatever grows without end is a leak.
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import { Command, InvalidArgumentError, Option } from "commander";
import {
  type ChaosSettings,
  chaosDefaults,
  isClean,
  type Watched,
} from "./chaos/chaos-settings.js";
import { objectGraceVariable } from "./chaos/object-grace.js";
import { reportLines } from "./chaos/report-lines.js";
import { runChaos } from "./chaos/run-chaos.js";
import { interruption } from "./elanus/interruption.js";
import { boundsOf } from "./soak/bounds.js";
import { openSampler } from "./soak/sampling.js";
import { type TimedSample, type Trend, trendsOf } from "./soak/trends.js";

interface Options {
  readonly minutes: number;
  readonly profile: ChaosSettings["profile"];
  readonly json?: boolean;
}

const sampleEveryMs = 5_000;
/** At most, between two kills: one about every 20 s. */
const pauseMs = 36_000;
const warmUpMsMax = 300_000;
const warmUpShare = 0.2;
/** One of each pair of hosts lives from the start to the end, so that it has the time to grow. */
const spared = ["front-2", "query-2", "data-2"];
const faults = [
  ...["kill-proxy", "kill-coordinator", "kill-oracle", "kill-query", "kill-data", "kill-index"],
  ...["kill-nats", "kill-etcd", "kill-redis", "kill-s3"],
];
/** What is not named may lie about for so long, in place of the hour that it has otherwise. */
const graceMs = { min: 20_000, shareOfRun: 1 / 30 };
/** Data workers look a few times in a grace, and begin anew where they are started again. */
const gracesUntilOrphan = 3;

async function soak({ minutes, profile, json: isJson = false }: Options): Promise<number> {
  const aborter = new AbortController();
  void interruption().then((reason) => aborter.abort(reason));
  const objectGraceMs = Math.max(graceMs.min, minutes * 60_000 * graceMs.shareOfRun);
  const samples: TimedSample[] = [];
  const report = await runChaos({
    ...chaosDefaults,
    ...{ kills: 0, writes: 0, only: faults, spared, coldStartSearches: 0, profile },
    ...{ seconds: minutes * 60, pauseMs, signal: aborter.signal },
    hostScript: fileURLToPath(new URL("./chaos/altered-host.js", import.meta.url)),
    hostEnvironment: { [objectGraceVariable]: String(objectGraceMs) },
    watch: (watched) => takeSamples(samples, watched, objectGraceMs * gracesUntilOrphan, isJson),
  });
  const warmUpMs = Math.min(warmUpMsMax, minutes * 60_000 * warmUpShare);
  const trends = trendsOf(samples, warmUpMs, boundsOf(minutes));
  if (!isJson) for (const line of [...reportLines(report), tableOf(trends)]) console.log(line);
  const { kills, acknowledged, seconds, failedRequests } = report;
  const beyond = trends.filter(({ isBeyond }) => isBeyond).map(({ figure }) => figure);
  const clean = isClean(report);
  const figures = { seconds, kills, acknowledged, failedRequests, clean, beyond, trends };
  console.log(JSON.stringify({ ...figures, samples: samples.length }));
  if (report.refused !== null) return 2;
  return clean && beyond.length === 0 ? 0 : 1;
}

async function takeSamples(
  samples: TimedSample[],
  { cluster, directory, isOver }: Watched,
  orphanAfterMs: number,
  isJson: boolean,
): Promise<void> {
  const sampler = await openSampler(cluster, directory, orphanAfterMs);
  const startedAt = performance.now();
  while (!isOver()) {
    const figures = await sampler.sample();
    samples.push({ atMs: performance.now() - startedAt, figures });
    if (!isJson) console.error(`sample ${samples.length}: ${JSON.stringify(figures)}`);
    await delay(sampleEveryMs);
  }
  await sampler.close();
}

function tableOf(trends: readonly Trend[]): string {
  const table = new Table({ head: ["figure", "2nd quarter", "last quarter", "more, at most", ""] });
  for (const { figure, secondQuarter, lastQuarter, bound, isBeyond } of trends) {
    const shown = [secondQuarter, lastQuarter].map((value) => value.toFixed(1));
    const most = bound === null ? "" : `${bound.more} and ${bound.percent}%`;
    table.push([figure, ...shown, most, isBeyond ? "grows" : ""]);
  }
  return table.toString();
}

function minutesArgument(text: string): number {
  const minutes = Number(text);
  if (Number.isFinite(minutes) && minutes > 0) return minutes;
  throw new InvalidArgumentError("a number above 0");
}

await new Command("soak")
  .description("Runs a load with a kill now and then, and measures what grows.")
  .option("--minutes <number>", "how long", minutesArgument, 30)
  .addOption(
    new Option("--profile <name>", "which parts")
      .choices(["embedded", "cluster"])
      .default(chaosDefaults.profile),
  )
  .option("--json", "nothing but the last line")
  .action(async (options: Options) => {
    process.exitCode = await soak(options);
  })
  .parseAsync();
