// Counts hand-overs: how often query workers took newer manifests in, and with them other rows.
import { setTimeout as delay } from "node:timers/promises";
import type { ElanusClient } from "../../src/client/connect.js";
import { ElanusError } from "../../src/client/elanus-error.js";

const askEveryMs = 1_000;

export class HandOvers {
  /** By channel, the highest number that a query worker says it has adopted. */
  readonly #adopted = new Map<string, number>();

  get count(): number {
    return [...this.#adopted.values()].reduce((sum, number) => sum + number, 0);
  }

  async watch(client: ElanusClient, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.#look(client);
      await delay(askEveryMs);
    }
  }

  async #look(client: ElanusClient): Promise<void> {
    const hosts = await hostsOf(client);
    for (const { actor, channel, figures } of hosts.flatMap((host) => host.actors)) {
      if (actor !== "query-worker" || channel === null) continue;
      const adopted = Math.max(this.#adopted.get(channel) ?? 0, figures.manifest ?? 0);
      this.#adopted.set(channel, adopted);
    }
  }
}

/** None while nobody can say. */
async function hostsOf(client: ElanusClient) {
  try {
    return (await client.cluster({ timeoutMs: 10_000 })).hosts;
  } catch (error) {
    if (error instanceof ElanusError) return [];
    throw error;
  }
}
