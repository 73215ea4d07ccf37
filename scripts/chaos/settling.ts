// Waits until nothing is written, indexed or merged any more, so that two answers can be compared.
import { setTimeout as delay } from "node:timers/promises";
import type { ElanusClient } from "../../src/client/connect.js";
import { ElanusError } from "../../src/client/elanus-error.js";
import type { HostDescription } from "../../src/client/types.js";

/** Longer than a seal, a build or a merge of the small segments of a run takes. */
const steadyMs = 5_000;
const withinMs = 90_000;
const askEveryMs = 500;
const answerWithinMs = 5_000;

/** What approximate answers depend on: the same as long as nothing moves; null while it does. */
export async function arrangement(client: ElanusClient): Promise<string | null> {
  try {
    const { hosts } = await client.cluster({ timeoutMs: answerWithinMs });
    return arrangementOf(hosts);
  } catch (error) {
    if (error instanceof ElanusError) return null;
    throw error;
  }
}

/** Null when it went on moving. */
export async function untilSettled(client: ElanusClient): Promise<string | null> {
  const until = performance.now() + withinMs;
  let last = await arrangement(client);
  let since = performance.now();
  while (performance.now() < until) {
    if (last !== null && performance.now() - since >= steadyMs) return last;
    await delay(askEveryMs);
    const now = await arrangement(client);
    if (now !== last) since = performance.now();
    last = now;
  }
  return null;
}

/** Null also when two replicas of a channel differ: then it matters which of them answers. */
export function arrangementOf(hosts: readonly HostDescription[]): string | null {
  const held = new Map<string, string>();
  for (const { actor, channel, phase, figures } of hosts.flatMap((host) => host.actors)) {
    if (channel === null || (actor !== "query-worker" && actor !== "data-worker")) continue;
    if (phase !== "serving" && phase !== "owning") return null;
    const { segments, indexed, growingRows, storedRows, unindexed, sealedRanges } = figures;
    const text = JSON.stringify({
      ...{ segments, indexed, growingRows, storedRows, unindexed, sealedRanges },
    });
    const name = `${actor} ${channel}`;
    if ((held.get(name) ?? text) !== text) return null;
    held.set(name, text);
  }
  return JSON.stringify([...held].sort());
}
