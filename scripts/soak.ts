// `npm run soak`: load with a kill now and then; whatever grows without end is a leak.
import { setTimeout as delay } from "node:timers/promises";
import Table from "cli-table3";
import { Command, InvalidArgumentError } from "commander";
import { connectNats } from "../src/system/nats.js";
import { chaosDefaults, isClean, type Watched } from "./chaos/chaos-settings.js";
import { reportLines } from "./chaos/report-lines.js";
import { runChaos } from "./chaos/run-chaos.js";
import { interruption } from "./elanus/interruption.js";
import { sampleOf } from "./soak/sampling.js";
import { type TimedSample, type Trend, trendsOf } from "./soak/trends.js";

const sampleEveryMs = 5_000;
const faultEveryMs = 15_000;
/** A minute; objects are not bounded, since old ones stay for an hour on purpose. */
const bounds = { streams: 0.5, consumers: 1, "metadata keys": 0.5 };
const boundsOfProcess = { mebibytes: 8, descriptors: 2 };

async function soak(minutes: number, isJson: boolean): Promise<number> {
  const aborter = new AbortController();
  void interruption().then((reason) => aborter.abort(reason));
  const samples: TimedSample[] = [];
  const report = await runChaos({
    ...chaosDefaults,
    ...{ kills: 0, writes: 0, only: ["kill"], coldStartSearches: 0 },
    ...{ seconds: minutes * 60, pauseMs: faultEveryMs, signal: aborter.signal },
    watch: (watched) => takeSamples(samples, watched, isJson),
  });
  const names = samples.flatMap(({ figures }) => Object.keys(figures));
  const ofProcesses = names.flatMap((name) =>
    Object.entries(boundsOfProcess)
      .filter(([kind]) => name.startsWith(`${kind} `))
      .map(([, max]): [string, number] => [name, max]),
  );
  const trends = trendsOf(samples, { ...bounds, ...Object.fromEntries(ofProcesses) });
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
  isJson: boolean,
): Promise<void> {
  const settings = { servers: cluster.natsUrl, name: "soak", waitForServer: true };
  const link = await connectNats(settings);
  const startedAt = performance.now();
  while (!isOver()) {
    const figures = await sampleOf(cluster, directory, link);
    samples.push({ atMs: performance.now() - startedAt, figures });
    if (!isJson) console.error(`sample ${samples.length}: ${JSON.stringify(figures)}`);
    await delay(sampleEveryMs);
  }
  await link.close();
}

function tableOf(trends: readonly Trend[]): string {
  const table = new Table({ head: ["figure", "first", "last", "a minute", "at most", ""] });
  for (const { figure, first, last, perMinute, perMinuteMax, isBeyond } of trends) {
    const shown = [first, last, perMinute].map((value) => value.toFixed(2));
    table.push([figure, ...shown, String(perMinuteMax ?? ""), isBeyond ? "grows" : ""]);
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
  .option("--json", "nothing but the last line")
  .action(async ({ minutes, json }: { minutes: number; json?: boolean }) => {
    process.exitCode = await soak(minutes, json === true);
  })
  .parseAsync();
