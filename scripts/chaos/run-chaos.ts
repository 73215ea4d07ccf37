// One run of chaos: a cluster of real processes, a load, faults, and a checker that trusts nobody.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ElanusClient } from "../../src/client/connect.js";
import { type Cluster, startCluster } from "../cluster/cluster.js";
import { percentile } from "../quickstart/measuring.js";
import { typedClient } from "./chaos-client.js";
import { type ChaosReport, type ChaosSettings, isClean } from "./chaos-settings.js";
import { type ColdStartReport, coldStart } from "./cold-start.js";
import { faultsOf } from "./faults.js";
import { auditAll } from "./final-audit.js";
import { HandOvers } from "./hand-overs.js";
import { createCollections, type Load, shortOfLoad, startLoad } from "./load.js";
import { type NemesisReport, recoveryByKind, runNemesis } from "./nemesis.js";
import { Prober } from "./prober.js";
import { RunState } from "./run-state.js";
import { Standing } from "./standing.js";
import { Proxies, targetsOf } from "./targets.js";

const hosts = [
  { name: "front-1", roles: ["proxy", "coordinator", "oracle"] },
  { name: "front-2", roles: ["proxy", "coordinator", "oracle"] },
  { name: "query-1", roles: ["query"] },
  { name: "query-2", roles: ["query"] },
  { name: "data-1", roles: ["data", "index"] },
  { name: "data-2", roles: ["data", "index"] },
] as const;

/** Rejects only where the run itself is broken; whatever it finds is in the report. */
export async function runChaos(settings: ChaosSettings): Promise<ChaosReport> {
  const directory = mkdtempSync(join(tmpdir(), "elanus-chaos-"));
  const proxies = new Proxies();
  const cluster = await startCluster({
    profile: settings.profile,
    directory,
    hosts,
    natsServers: settings.natsServers,
    through: (kind, endpoint) => proxies.through(kind, endpoint),
    environment: {
      ELANUS_SESSION_TTL_MS: String(settings.sessionTtlMs),
      ...settings.hostEnvironment,
    },
    ...(settings.hostScript === undefined ? {} : { hostScript: settings.hostScript }),
  });
  const run = new Run(settings, { cluster, proxies, directory });
  const report = await run.run().finally(async () => {
    run.state.isOver = true;
    await cluster.stop();
    await proxies.stop();
  });
  if (!isClean(report)) return report;
  rmSync(directory, { recursive: true, force: true });
  return { ...report, directory: null };
}

interface Place {
  readonly cluster: Cluster;
  readonly proxies: Proxies;
  /** Of its data and its logs. */
  readonly directory: string;
}

class Run {
  readonly state: RunState;
  readonly #settings: ChaosSettings;
  readonly #cluster: Cluster;
  readonly #place: Place;
  readonly #handOvers = new HandOvers();
  #kills = 0;
  #faultsFrom = 0;

  constructor(settings: ChaosSettings, place: Place) {
    this.state = new RunState();
    this.#settings = settings;
    this.#cluster = place.cluster;
    this.#place = place;
  }

  async run(): Promise<ChaosReport> {
    this.#tell("starts");
    const typed = await this.#cluster.connect({ timeoutMs: 60_000 });
    await createCollections(typed);
    await this.#cluster.untilReady();
    const connect = () => this.#cluster.connect({ timeoutMs: 60_000 });
    const load = await startLoad(this.state, this.#cluster.natsUrl, connect, this.#settings);
    // The first of everything is slow.
    await new Prober(this.state, load.spare).probe();
    const refused = await shortOfLoad(this.state);
    if (refused !== null) return this.#endRefused(load, refused);
    this.#faultsFrom = this.state.now();
    const watching = this.#handOvers.watch(typed, () => this.state.isOver);
    const { cluster, directory } = this.#place;
    const isOver = () => this.state.isOver;
    const watched = this.#settings.watch?.({ cluster, directory, isOver });
    const nemesis = await this.#strike(typed, load);
    this.state.isOver = true;
    await Promise.all([load.running, watching, watched]);
    const end = await this.#endWell(typed, nemesis);
    return this.#report(end.nemesis, end.coldStart, null);
  }

  async #strike(typed: ElanusClient, { spare, running }: Load): Promise<NemesisReport> {
    const { seed, only, spared, sessionTtlMs } = this.#settings;
    const aborter = new AbortController();
    const { signal = aborter.signal } = this.#settings;
    const prober = new Prober(this.state, spare);
    const standing = new Standing(this.#cluster, typed);
    const targets = targetsOf(this.#cluster, this.#place.proxies, { spared, sessionTtlMs });
    const striking = runNemesis({
      seed,
      faults: faultsOf(targets, only),
      isEnough: (kills) => this.#isEnough(kills),
      probe: () => prober.probe(),
      untilSpared: (host) => standing.untilSpared(host),
      untilWhole: (host) => standing.untilWhole(host),
      struck: (kind, kills) => this.#tell(kind, kills),
      pauseMs: this.#settings.pauseMs,
      signal: AbortSignal.any([signal, aborter.signal]),
    });
    // A load that broke off would let the faults go on for ever.
    running.catch(() => aborter.abort());
    return striking;
  }

  #isEnough(kills: number): boolean {
    const { kills: wanted, writes, handOvers, seconds } = this.#settings;
    const isDone = kills >= wanted && this.state.acknowledged >= writes;
    const isLongEnough = this.state.now() - this.#faultsFrom >= seconds * 1_000;
    return isDone && isLongEnough && this.#handOvers.count >= handOvers;
  }

  async #endRefused(load: Load, refused: string): Promise<ChaosReport> {
    this.state.isOver = true;
    await load.running;
    const nothing = { kills: 0, faults: 0, recoveries: [], notRecovered: null };
    return this.#report(nothing, null, refused);
  }

  async #endWell(typed: ElanusClient, nemesis: NemesisReport) {
    const { coldStartSearches, signal } = this.#settings;
    const chaos = typedClient(typed);
    let cold: ColdStartReport | null = null;
    try {
      this.#tell("reads everything");
      await auditAll(this.state, chaos);
      if (coldStartSearches > 0 && signal?.aborted !== true) {
        this.#tell("starts from nothing local");
        const clients = { typed, chaos };
        cold = await coldStart(this.#cluster, this.#place.directory, clients, coldStartSearches);
        await auditAll(this.state, chaos);
      }
      return { nemesis, coldStart: cold };
    } catch (error) {
      const notRecovered = nemesis.notRecovered ?? `at the end: ${(error as Error).message}`;
      return { nemesis: { ...nemesis, notRecovered }, coldStart: cold };
    }
  }

  #tell(phase: string, kills = this.#kills): void {
    this.#kills = kills;
    this.#settings.progress?.({
      ...{ phase, kills, writes: this.state.acknowledged },
      ...{ handOvers: this.#handOvers.count, violations: this.state.findings.total },
    });
  }

  #report(
    { kills, faults, recoveries, notRecovered }: NemesisReport,
    cold: ColdStartReport | null,
    refused: string | null,
  ): ChaosReport {
    const { state } = this;
    const { seed, profile } = this.#settings;
    const served = recoveries.map(({ servedMs }) => servedMs);
    const longestGapsMs = state.gaps.longestMs(state.now());
    const gaps = Object.entries(longestGapsMs).filter(([kind]) => kind !== "flush");
    const failed = [...state.failedRequests.values()];
    const percentileMs = (share: number) => (served.length === 0 ? 0 : percentile(served, share));
    return {
      ...{ kills, faults, writes: state.attempted, acknowledged: state.acknowledged },
      ...{ unknown: state.unknown, reads: state.reads, handOvers: this.#handOvers.count },
      ...state.findings.counts,
      failedRequests: failed.reduce((sum, count) => sum + count, 0),
      failedByKind: Object.fromEntries(state.failedRequests),
      longestGapMs: Math.max(0, ...gaps.map(([, gapMs]) => gapMs)),
      longestGapsMs,
      recovery: {
        ...{ p50Ms: percentileMs(0.5), p99Ms: percentileMs(0.99) },
        byFault: recoveryByKind(recoveries),
      },
      coldStart: cold,
      seconds: Math.round(state.now() / 1_000),
      ...{ seed, profile, violations: state.findings.kept, failures: state.failures },
      ...{ notRecovered, refused, directory: this.#place.directory },
    };
  }
}
