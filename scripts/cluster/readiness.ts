// When a cluster is ready: its hosts take part, one leads, and every channel is served.
import { setTimeout as delay } from "node:timers/promises";
import type { ElanusClient } from "../../src/client/connect.js";
import { ElanusError } from "../../src/client/elanus-error.js";
import type { CollectionDescription, HostDescription } from "../../src/client/types.js";
import type { HostProcess } from "./host-process.js";

const readyWithinMs = 60_000;
const askEveryMs = 100;
const answerWithinMs = 5_000;

/** Those hosts that do not run are not waited for. Rejects with what was missing at the last. */
export async function untilReady(
  client: ElanusClient,
  processes: readonly HostProcess[],
): Promise<void> {
  const until = performance.now() + readyWithinMs;
  for (;;) {
    const problem = await problemOf(client, processes);
    if (problem === null) return;
    if (performance.now() > until) {
      throw new Error(`the cluster is not ready after ${readyWithinMs} ms: ${problem}`);
    }
    await delay(askEveryMs);
  }
}

async function problemOf(
  client: ElanusClient,
  processes: readonly HostProcess[],
): Promise<string | null> {
  const pids = new Set(processes.flatMap(({ pid }) => (pid === undefined ? [] : [pid])));
  try {
    const { hosts } = await client.cluster({ timeoutMs: answerWithinMs });
    const running = hosts.filter(({ pid }) => pids.has(pid));
    return problemOfHosts(running, pids.size) ?? (await problemOfChannels(client, running));
  } catch (error) {
    if (error instanceof ElanusError) return error.message;
    throw error;
  }
}

function problemOfHosts(running: readonly HostDescription[], count: number): string | null {
  if (running.length < count) return `${running.length} of ${count} hosts take part`;
  for (const role of ["coordinator", "oracle"] as const) {
    if (!running.some(({ roles }) => roles.includes(role))) continue;
    const actor = role === "oracle" ? "timestamp-oracle" : role;
    if (actorsOf(running, actor, "leading").length === 0) return `no ${role} leads`;
  }
  const causes = running.flatMap(({ actors }) => actors.flatMap(({ cause }) => cause ?? []));
  return causes[0] ?? null;
}

async function problemOfChannels(
  client: ElanusClient,
  running: readonly HostDescription[],
): Promise<string | null> {
  const options = { timeoutMs: answerWithinMs };
  for (const { name } of await client.listCollections(options)) {
    const problem = problemOfCollection(await client.describeCollection(name, options), running);
    if (problem !== null) return problem;
  }
  return null;
}

function problemOfCollection(
  { channels, settings }: CollectionDescription,
  running: readonly HostDescription[],
): string | null {
  const queryHosts = running.filter(({ roles }) => roles.includes("query")).length;
  const replicas = Math.min(settings.replicas, queryHosts);
  const isOwned = running.some(({ roles }) => roles.includes("data"));
  for (const { channel } of channels) {
    const serving = actorsOf(running, "query-worker", "serving", channel).length;
    if (serving < replicas) return `${serving} of ${replicas} replicas serve ${channel}`;
    const owners = actorsOf(running, "data-worker", "owning", channel).length;
    if (isOwned && owners === 0) return `no data worker owns ${channel}`;
  }
  return null;
}

function actorsOf(
  hosts: readonly HostDescription[],
  actor: string,
  phase: string,
  channel: string | null = null,
) {
  const actors = hosts.flatMap((host) => host.actors);
  return actors.filter(
    (one) => one.actor === actor && one.phase === phase && one.channel === channel,
  );
}
