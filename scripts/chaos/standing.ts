// Whether a host is whole, and whether others do what it does: asked before and after it is struck.
import { setTimeout as delay } from "node:timers/promises";
import type { ElanusClient } from "../../src/client/connect.js";
import { ElanusError } from "../../src/client/elanus-error.js";
import type { HostDescription } from "../../src/client/types.js";
import type { Cluster } from "../cluster/cluster.js";

const withinMs = 60_000;
const askEveryMs = 150;
/** Short: the proxy that was asked may just have died. */
const answerWithinMs = 1_500;

/** Null for the host stands for all of them at once. */
export class Standing {
  readonly #cluster: Cluster;
  readonly #client: ElanusClient;

  constructor(cluster: Cluster, client: ElanusClient) {
    this.#cluster = cluster;
    this.#client = client;
  }

  /** It is whole, and all that it does is done by another one too. */
  async untilSpared(host: string | null): Promise<void> {
    if (host === null) return this.#cluster.untilReady();
    await this.#until((hosts) => problemOfHost(hosts, host) ?? problemOfOthers(hosts, host));
  }

  async untilWhole(host: string | null): Promise<void> {
    if (host === null) return this.#cluster.untilReady();
    await this.#until((hosts) => problemOfHost(hosts, host));
  }

  async #until(problemOf: (hosts: readonly HostDescription[]) => string | null): Promise<void> {
    const until = performance.now() + withinMs;
    for (;;) {
      const problem = await this.#ask(problemOf);
      if (problem === null) return;
      if (performance.now() > until) throw new Error(`after ${withinMs} ms: ${problem}`);
      await delay(askEveryMs);
    }
  }

  async #ask(problemOf: (hosts: readonly HostDescription[]) => string | null) {
    const pids = new Set(this.#cluster.hosts.map(({ pid }) => pid));
    try {
      const { hosts } = await this.#client.cluster({ timeoutMs: answerWithinMs });
      return problemOf(hosts.filter(({ pid }) => pids.has(pid)));
    } catch (error) {
      if (error instanceof ElanusError) return error.message;
      throw error;
    }
  }
}

/** Of hosts whose processes run: one that was started again is another one than before. */
export function problemOfHost(hosts: readonly HostDescription[], name: string): string | null {
  const host = hosts.find((one) => one.host === name);
  if (host === undefined) return `${name} does not take part`;
  if (!host.roles.includes("query")) return null;
  const workers = host.actors.filter(({ actor }) => actor === "query-worker");
  const waiting = workers.find(({ phase }) => phase !== "serving");
  if (waiting !== undefined) return `${name}: ${waiting.channel} is ${waiting.phase}`;
  return workers.length === 0 ? `${name} serves nothing` : null;
}

export function problemOfOthers(hosts: readonly HostDescription[], name: string): string | null {
  const others = hosts.filter(({ host }) => host !== name);
  const host = hosts.find((one) => one.host === name);
  for (const role of host?.roles ?? []) {
    if (!others.some(({ roles }) => roles.includes(role))) return `nobody else has role ${role}`;
  }
  const served = others.flatMap(servedBy);
  const alone = host && servedBy(host).find((channel) => !served.includes(channel));
  return alone === undefined ? null : `only ${name} serves ${alone}`;
}

function servedBy({ actors }: HostDescription): readonly (string | null)[] {
  return actors.flatMap(({ actor, phase, channel }) =>
    actor === "query-worker" && phase === "serving" ? [channel] : [],
  );
}
