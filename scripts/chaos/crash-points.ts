// `npm run chaos -- --crash-points`: real hosts kill themselves at each point, under load.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { crashPoints } from "../../src/simulation/crashes/crash-points.js";
import { createRandom } from "../../src/simulation/random.js";
import type { HostProcess } from "../cluster/host-process.js";
import { armSignal } from "./crash-arm.js";
import { type CrashCluster, startCrashCluster } from "./crash-cluster.js";
import { violationLines } from "./findings.js";

export interface CrashPointsOptions {
  readonly seed: number;
  /** Beginnings of the names of points; empty for all. */
  readonly only: readonly string[];
  /** A second death while the first one is recovered from. */
  readonly pairs: number;
}

/** What a short run of real processes does not come to; the simulation does. */
const onlySimulated: readonly { readonly of: string; readonly because: string }[] = [
  { of: "host/writeMetadata:sessions", because: "not an actor's effect" },
  { of: "coordinator/deleteMetadata:dropped", because: "the marks of drops are kept for an hour" },
  { of: "coordinator/deleteMetadata:sessions", because: "after six TTLs of silence" },
  ...["proxy/publish:DrainHost", "coordinator/publish:HostReply"].map(undrained),
  ...["coordinator/publish:HostChanged", "coordinator/publish:LeadershipFreed"].map(undrained),
  ...["timestamp-oracle/publish:LeadershipFreed"].map(undrained),
  ...["coordinator/writeMetadata:hosts", "coordinator/deleteMetadata:hosts"].map(undrained),
  { of: "query-worker/publish:IndexDamaged", because: "no object is damaged here" },
  { of: "query-worker/publish:SegmentDamaged", because: "no object is damaged here" },
  { of: "index-worker/publish:SegmentDamaged", because: "no object is damaged here" },
];

function undrained(of: string) {
  return { of, because: "no host is drained or ended in order here" };
}

const diesWithinMs = 12_000;
const secondWithinMs = 4_000;
const lookEveryMs = 20;
const frontActors = ["proxy", "coordinator", "timestamp-oracle"];

interface Figures {
  points: number;
  reached: number;
  passed: number;
  pairs: number;
  pairsReached: number;
}

export async function crashAtPoints(options: CrashPointsOptions): Promise<number> {
  const isWanted = (point: string) =>
    options.only.length === 0 || options.only.some((name) => point.startsWith(name));
  const isSimulated = (point: string) => onlySimulated.some(({ of }) => point.startsWith(`${of}/`));
  const points = crashPoints.filter((point) => isWanted(point) && !isSimulated(point));
  for (const { of, because } of onlySimulated) console.error(`only simulated: ${of} (${because})`);
  const cluster = await startCrashCluster(options.seed);
  const figures: Figures = {
    ...{ points: points.length, reached: 0, passed: 0, pairs: 0, pairsReached: 0 },
  };
  try {
    await crashAtEach(cluster, points, figures);
    await crashInPairs(cluster, points, options, figures);
    await cluster.endLoad();
  } finally {
    await cluster.stop();
  }
  const { findings, acknowledged } = cluster.state;
  for (const line of findings.kept.flatMap(violationLines)) console.error(line);
  console.log(JSON.stringify({ ...figures, acknowledged, violations: findings.total }));
  const isWhole = figures.passed === figures.points && findings.total === 0;
  return isWhole ? 0 : 1;
}

async function crashAtEach(
  cluster: CrashCluster,
  points: readonly string[],
  figures: Figures,
): Promise<void> {
  for (const point of points) {
    const before = cluster.state.findings.total;
    const host = hostOf(cluster, point);
    arm(cluster, host, point);
    const isDead = await diesWithin(host, diesWithinMs);
    disarm(cluster, host);
    if (!isDead) {
      console.error(`not reached within ${diesWithinMs} ms: ${point}`);
      continue;
    }
    figures.reached += 1;
    await host.restart();
    await cluster.probe();
    if (cluster.state.findings.total === before) figures.passed += 1;
    else console.error(`violations after ${point}`);
  }
}

/** The second point is one of the same host's: it dies of what its recovery comes to, if so. */
async function crashInPairs(
  cluster: CrashCluster,
  points: readonly string[],
  { pairs, seed }: CrashPointsOptions,
  figures: Figures,
): Promise<void> {
  const random = createRandom(seed);
  for (let pair = 0; pair < pairs; pair += 1) {
    const first = random.pick(points);
    const host = hostOf(cluster, first);
    const second = random.pick(points.filter((point) => hostOf(cluster, point) === host));
    figures.pairs += 1;
    arm(cluster, host, first);
    const isDead = await diesWithin(host, diesWithinMs);
    disarm(cluster, host);
    if (!isDead) continue;
    writeFileSync(fileOf(cluster, host), second);
    await host.restart();
    if (await diesWithin(host, secondWithinMs)) figures.pairsReached += 1;
    disarm(cluster, host);
    if (host.pid === undefined) await host.restart();
    else process.kill(host.pid, armSignal);
    await cluster.probe();
  }
}

function hostOf({ cluster }: CrashCluster, point: string): HostProcess {
  const actor = point.slice(0, point.indexOf("/"));
  return cluster.host(frontActors.includes(actor) ? "front" : "back");
}

function fileOf({ directory }: CrashCluster, { name }: HostProcess): string {
  return join(directory, `${name}.crash`);
}

function arm(cluster: CrashCluster, host: HostProcess, point: string): void {
  if (host.pid === undefined) throw new Error(`${host.name} is dead before ${point}`);
  writeFileSync(fileOf(cluster, host), point);
  process.kill(host.pid, armSignal);
}

function disarm(cluster: CrashCluster, host: HostProcess): void {
  rmSync(fileOf(cluster, host), { force: true });
  if (host.pid !== undefined) process.kill(host.pid, armSignal);
}

async function diesWithin(host: HostProcess, ms: number): Promise<boolean> {
  const until = performance.now() + ms;
  while (host.pid !== undefined && performance.now() < until) await delay(lookEveryMs);
  return host.pid === undefined;
}
