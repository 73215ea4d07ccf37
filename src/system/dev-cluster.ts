// The embedded cluster: a nats-server and actor hosts as processes of their own, watched over.
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Role } from "../messages/records.js";
import { ChildHost } from "./child-host.js";
import { type ClusterOverview, readOverview } from "./cluster-overview.js";
import { ConfigurationError } from "./config.js";
import { lockDataDir } from "./data-dir-lock.js";
import { connectNats } from "./nats.js";
import { startNatsProcess } from "./nats-process.js";
import { findNatsServer } from "./nats-program.js";

export interface DevClusterSettings {
  readonly dataDir: string;
  readonly port: number;
  readonly hosts: readonly (readonly Role[])[];
  /** The script with the `host` command, and the environment that each host gets. */
  readonly script: string;
  readonly environment: NodeJS.ProcessEnv;
  report(level: "info" | "warn", text: string): void;
}

export interface DevCluster {
  readonly url: string;
  readonly natsPid: number | undefined;
  readonly hosts: readonly { readonly pid: number; readonly roles: readonly Role[] }[];
  /** Resolves when a client is served; rejects when that takes too long. */
  untilReady(): Promise<void>;
  stop(): Promise<void>;
}

const readyWithinMs = 60_000;
/** One damaged channel must not keep the others from their clients. */
const wellWithinMs = 15_000;
const askEveryMs = 100;

export async function startDevCluster(settings: DevClusterSettings): Promise<DevCluster> {
  const { report, port, script, environment } = settings;
  const dataDir = resolve(settings.dataDir);
  const unlock = await lockDataDir(dataDir);
  const nats = await startNats(join(dataDir, "nats"), port, report).catch((error: unknown) => {
    unlock();
    throw error;
  });
  const hosts = settings.hosts.map(
    (roles, n) =>
      new ChildHost({
        ...{ script, environment, roles, dataDir, report },
        ...{ name: `host-${n + 1}`, natsUrl: nats.url },
      }),
  );
  return {
    url: nats.url,
    get natsPid() {
      return nats.pid;
    },
    get hosts() {
      return hosts.flatMap(({ pid, roles }) => (pid === undefined ? [] : [{ pid, roles }]));
    },
    untilReady: () => untilReady(nats.url, hosts, report),
    async stop() {
      await Promise.all(hosts.map((host) => host.stop()));
      await nats.stop();
      unlock();
    },
  };
}

function startNats(directory: string, port: number, report: DevClusterSettings["report"]) {
  const program = findNatsServer(process.env);
  if (program === undefined) {
    const ways = "'npm run setup' installs it, or name one with ELANUS_NATS_SERVER";
    throw new ConfigurationError(`there is no nats-server: ${ways}`);
  }
  return startNatsProcess({ directory, port, program, report });
}

async function untilReady(
  url: string,
  children: readonly ChildHost[],
  report: DevClusterSettings["report"],
): Promise<void> {
  const link = await connectNats({ servers: url, name: "elanus-dev", waitForServer: true });
  const beganAtMs = performance.now();
  let last = "no answer yet";
  try {
    for (let pastMs = 0; pastMs < readyWithinMs; pastMs = performance.now() - beganAtMs) {
      const result = await readOverview(link);
      const problem = result.ok ? problemOf(result.overview, children) : result.detail;
      if (problem === null) return;
      if (result.ok && isRunning(result.overview, children) && pastMs > wellWithinMs) {
        return report("warn", `not all is well: ${problem}`);
      }
      last = problem;
      await delay(askEveryMs);
    }
  } finally {
    await link.close();
  }
  throw new Error(`the cluster does not serve after ${readyWithinMs} ms: ${last}`);
}

/** What an earlier run left behind, such as a session nobody took down, is no reason to wait. */
function problemOf(overview: ClusterOverview, children: readonly ChildHost[]): string | null {
  if (!isRunning(overview, children)) return "not all hosts run, or no coordinator leads";
  const actors = actorsOf(overview, children);
  return actors.find(({ cause }) => cause !== null)?.cause ?? null;
}

function isRunning(overview: ClusterOverview, children: readonly ChildHost[]): boolean {
  const { hosts } = overview;
  const areThere = children.every(({ pid }) => hosts.some((host) => host.pid === pid));
  const needsCoordinator = children.some(({ roles }) => roles.includes("coordinator"));
  // One that has not heard of all of them yet would give them nothing.
  const leads = actorsOf(overview, children).some(
    ({ actor, phase, figures }) =>
      actor === "coordinator" && phase === "leading" && (figures.hosts ?? 0) >= children.length,
  );
  return areThere && (leads || !needsCoordinator);
}

function actorsOf({ hosts }: ClusterOverview, children: readonly ChildHost[]) {
  const pids = new Set(children.map(({ pid }) => pid));
  return hosts.filter(({ pid }) => pids.has(pid)).flatMap(({ actors }) => actors);
}
