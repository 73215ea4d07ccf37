// What a search costs as rows and shards grow.
import { percentile } from "../quickstart/measuring.js";
import { removeCluster, startBenchCluster } from "./cluster.js";
import { createFor, fill, untilIndexed, untilMerged } from "./collection.js";
import { gloveRowsMax, readDataSet, readyDataSet } from "./data-sets.js";
import { type Rate, startEngine } from "./engine-client.js";
import { recallAt } from "./equal-recall.js";
import { exactTruth } from "./exact-truth.js";
import { type Figure, figure } from "./figures.js";
import type { Plot } from "./plots.js";
import { type GroupResult, type Run, say } from "./run.js";
import { inFlight } from "./search-figures.js";

const k = 10;
/** The default: what grows is the cost at the same setting, and the recall is beside it. */
const ef = 128;

interface Measured {
  readonly rowCount: number;
  readonly shards: number;
  readonly recall: number;
  readonly many: readonly Rate[];
  readonly one: readonly Rate[];
}

export async function scaleGroup(run: Run): Promise<GroupResult> {
  await readyDataSet("glove-100");
  const sizes = run.quick ? [15_000, 30_000] : [50_000, 100_000, 200_000, gloveRowsMax];
  const shardCounts = run.quick ? [1, 2] : [1, 2, 4];
  const measured: Measured[] = [];
  for (const rowCount of sizes) measured.push(await measure(run, rowCount, 1));
  const most = run.quick ? 30_000 : 100_000;
  for (const shards of shardCounts.slice(1)) measured.push(await measure(run, most, shards));
  return { figures: measured.flatMap(figuresOf).concat(slope(measured)), plots: plotsOf(measured) };
}

async function measure(run: Run, rowCount: number, shards: number): Promise<Measured> {
  const set = readDataSet("glove-100", rowCount);
  const cluster = await startBenchCluster("scale");
  try {
    const client = await cluster.connect();
    const rows = await createFor(client, set, { name: "rows", shards });
    await fill(rows, set);
    await untilIndexed(rows, set);
    await untilMerged(cluster.pids);
    const work = { dataSet: set.name, rowCount, directory: "", collection: "rows" };
    const engine = await startEngine("elanus", { ...work, url: cluster.natsUrl });
    const recall = await recallAt(engine, exactTruth(set, k), ef);
    const options = { k, ef, bucketsBelow: null };
    const load = (requests: number) =>
      engine.load({ options, batch: 1, inFlight: requests, forMs: run.quick ? 1_000 : 4_000 });
    const rates = { many: [] as Rate[], one: [] as Rate[] };
    await load(inFlight);
    for (let round = 0; round < 3; round += 1) {
      rates.many.push(await load(inFlight));
      rates.one.push(await load(1));
    }
    await engine.close();
    say(`${rowCount} rows, ${shards} shards: measured`);
    return { rowCount, shards, recall, ...rates };
  } finally {
    await cluster.stop();
    removeCluster("scale");
  }
}

function figuresOf({ rowCount, shards, recall, many, one }: Measured): Figure[] {
  const id = (name: string) => `scale.${rowCount}-rows.${shards}-shards.${name}`;
  const of = `${rowCount.toLocaleString("en")} rows, ${seriesOf(shards)}`;
  const rates = many.map(({ vectorsPerSecond }) => vectorsPerSecond);
  const times = one.map(({ p50Ms }) => p50Ms);
  return [
    figure({ id: id("many"), what: `${of}: many in flight`, values: rates, unit: "vectors/s" }),
    figure({ id: id("one"), what: `${of}: one in flight, p50`, values: times, unit: "ms" }),
    figure({ id: id("recall"), what: `${of}: recall@10 at ef ${ef}`, values: [recall], unit: "" }),
  ];
}

function seriesOf(shards: number): string {
  return shards === 1 ? "1 shard" : `${shards} shards`;
}

/** 1 would be a cost in proportion to the rows, 0 one that does not grow. */
function slope(measured: readonly Measured[]): Figure[] {
  const points = measured
    .filter(({ shards }) => shards === 1)
    .map(({ rowCount, many }) => [Math.log(rowCount), -Math.log(medianRate(many))] as const);
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const rise = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const run = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const what = "cost of a search as a power of the rows, one shard";
  return [figure({ id: "scale.exponent", what, values: [rise / run], unit: "" })];
}

function medianOf(rates: readonly Rate[], figureOf: (rate: Rate) => number): number {
  return percentile(rates.map(figureOf), 0.5);
}

function medianRate(rates: readonly Rate[]): number {
  return medianOf(rates, ({ vectorsPerSecond }) => vectorsPerSecond);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function plotsOf(measured: readonly Measured[]): readonly Plot[] {
  const x = { title: "rows", logarithmic: true };
  return [
    {
      name: "rate-by-rows",
      title: `Vectors per second as rows grow, ef ${ef}`,
      x,
      y: { title: "vectors per second", logarithmic: true },
      points: measured.map(({ rowCount, shards, many }) => {
        return { series: seriesOf(shards), x: rowCount, y: medianRate(many) };
      }),
    },
    {
      name: "latency-by-rows",
      title: `Latency of one search at a time as rows grow, ef ${ef}`,
      x,
      y: { title: "milliseconds" },
      points: measured.flatMap(({ rowCount, shards, one }) => [
        {
          series: `p50, ${seriesOf(shards)}`,
          x: rowCount,
          y: medianOf(one, ({ p50Ms }) => p50Ms),
        },
        {
          series: `p99, ${seriesOf(shards)}`,
          x: rowCount,
          y: medianOf(one, ({ p99Ms }) => p99Ms),
        },
      ]),
    },
  ];
}
