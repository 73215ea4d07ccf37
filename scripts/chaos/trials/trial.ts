// What a trial of a planted bug consists of, and how it is run until the checker has found it.
import type { HostPlan } from "../../cluster/host-process.js";
import { mutantVariable } from "../crash-arm.js";
import type { CollectionSettings } from "../load.js";
import { Stage } from "./stage.js";

/** Circumstances in which a bug does harm; right code bears them without a violation. */
export interface Trial {
  readonly hosts?: readonly HostPlan[];
  /** Of the hosts, one that `Stage.cut` cuts off from NATS. */
  readonly proxied?: string;
  readonly collections?: CollectionSettings;
  readonly environment?: NodeJS.ProcessEnv;
  /** At most; it ends with the first round after which something was found. */
  readonly rounds: number;
  round(stage: Stage): Promise<void>;
}

export interface TrialReport {
  /** Null: nothing was. */
  readonly found: string | null;
  readonly rounds: number;
  /** Rows. */
  readonly acknowledged: number;
  readonly seconds: number;
}

const hostsDefault: readonly HostPlan[] = [
  { name: "front", roles: ["proxy", "coordinator", "oracle"] },
  { name: "query", roles: ["query"] },
  { name: "data", roles: ["data", "index"] },
];

/** Nothing is sealed or merged but by the trial's own doing. */
export const collectionsDefault: CollectionSettings = {
  ...{ shards: 1, replicas: 1, asOfWindow: 60_000 },
  thresholds: { sealRows: 10_000, sealAgeMs: 600_000, indexRowsMin: 100_000 },
};

/** `mutant`: null for a control run. */
export async function runTrial(trial: Trial, mutant: string | null): Promise<TrialReport> {
  const { hosts = hostsDefault, proxied, collections = collectionsDefault } = trial;
  const stage = await Stage.open({
    ...{ hosts, collections },
    ...(proxied === undefined ? {} : { proxied }),
    environment: { ...trial.environment, ...(mutant === null ? {} : { [mutantVariable]: mutant }) },
  });
  const report = (found: string | null, rounds: number): TrialReport => ({
    ...{ found, rounds, acknowledged: stage.state.acknowledged },
    seconds: Math.round(stage.state.now() / 100) / 10,
  });
  let round = 0;
  try {
    while (round < trial.rounds) {
      round += 1;
      await trial.round(stage);
      const [first] = stage.state.findings.kept;
      if (first !== undefined) return report(`${first.kind}: ${first.text}`, round);
    }
    return report(null, round);
  } catch (error) {
    // That a cluster does not come back is a finding, too.
    return report(`not recovered: ${(error as Error).message}`, round);
  } finally {
    await stage.close();
  }
}
