// Runs one row: a cluster of its own, load, the failure, recovery, and the count of what is there.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Cluster, startCluster } from "../cluster/cluster.js";
import { type Figures, figuresOf, findingsOf, type Verdict, verdictOfAll } from "./figures.js";
import { type Audit, createTestCollection, openLedger } from "./ledger.js";
import { startLoad } from "./load.js";
import type { Finding, Scenario } from "./scenario.js";

export interface RowResult {
  readonly row: string;
  readonly title: string;
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  readonly figures: Figures;
  readonly audit: Audit;
}

/** Shorter than the default, so that what takes a few of them is soon over. */
const sessionTtlMs = 4_000;
const rowsAtFirst = 3_000;
const warmUpMs = 4_000;
const calmMs = 6_000;
const aftermathMs = 8_000;

export type Phase = "starting" | "calm" | "failing" | "recovering" | "auditing";

export interface RunSettings {
  readonly requestsPerSecond: number;
  readonly isShort: boolean;
}

export async function runScenario(
  scenario: Scenario,
  settings: RunSettings,
  onPhase: (phase: Phase) => void,
): Promise<RowResult> {
  const directory = mkdtempSync(join(tmpdir(), `elanus-${scenario.row}-`));
  onPhase("starting");
  const cluster = await startCluster({
    profile: scenario.profile,
    natsServers: scenario.natsServers ?? 1,
    directory,
    hosts: scenario.hosts,
    environment: { ELANUS_SESSION_TTL_MS: String(sessionTtlMs), ...scenario.environment },
  });
  let isMet = false;
  try {
    const result = await measure(scenario, cluster, settings, onPhase);
    isMet = result.verdict === "met";
    return result;
  } finally {
    await cluster.stop();
    // What its hosts have said may tell why.
    if (isMet) rmSync(directory, { recursive: true, force: true });
    else console.error(`${scenario.row}: see ${directory}`);
  }
}

async function measure(
  scenario: Scenario,
  cluster: Cluster,
  { requestsPerSecond, isShort }: RunSettings,
  onPhase: (phase: Phase) => void,
): Promise<RowResult> {
  await cluster.untilReady();
  const client = await cluster.connect();
  await createTestCollection(client, scenario.replicas ?? 2);
  const ledger = await openLedger(client, rowsAtFirst);
  await cluster.untilReady();
  const load = startLoad(ledger, requestsPerSecond);
  onPhase("calm");
  await delay(warmUpMs);
  const calmFromMs = performance.now();
  await delay(calmMs);
  const calm = [calmFromMs, performance.now()] as const;
  onPhase("failing");
  let struckAtMs = performance.now();
  let repairedAtMs = Number.POSITIVE_INFINITY;
  const struck = () => {
    struckAtMs = performance.now();
  };
  const repairing = () => {
    repairedAtMs = performance.now();
  };
  const own = await scenario.strike({
    ...{ cluster, client, sessionTtlMs, isShort, struck, repairing },
    write: (rows) => ledger.insertRows(rows),
  });
  onPhase("recovering");
  await delay(aftermathMs);
  await load.stop();
  onPhase("auditing");
  const audit = await ledger.audit();
  const figures = figuresOf(load.samples, { calm, struckAtMs, repairedAtMs });
  const findings = [...findingsOf(figures, audit, scenario.allowed), ...own];
  const { row, title } = scenario;
  return { row, title, verdict: verdictOfAll(findings, figures), findings, figures, audit };
}
