// Asks whether the service is back: a write to every channel and a strong read of what it wrote.
import { setTimeout as delay } from "node:timers/promises";
import type { ChaosClient } from "./chaos-client.js";
import { checkRows } from "./check-rows.js";
import { rowOf } from "./rows.js";
import type { RunState } from "./run-state.js";

/** No lane has this number. */
const owner = 1_999;
const firstKey = 1_999_000_000;
/** So many that each shard has some. */
const keysOfProbe = 16;
const withinMs = 90_000;

export class Prober {
  readonly #state: RunState;
  readonly #client: ChaosClient;
  #from = firstKey;

  constructor(state: RunState, client: ChaosClient) {
    this.#state = state;
    this.#client = client;
  }

  /** Rejects when nothing was served for a long time. */
  async probe(): Promise<void> {
    const until = performance.now() + withinMs;
    while (performance.now() < until) {
      const keys = Array.from({ length: keysOfProbe }, (_, at) => this.#from + at);
      if ((await this.#write(keys)) && (await this.#read(keys))) return;
      if (keys.some((key) => this.#state.keyed.isUncertain(key))) this.#from += keysOfProbe;
      await delay(50);
    }
    throw new Error(`neither writes nor strong reads were served for ${withinMs} ms`);
  }

  async #write(keys: readonly number[]): Promise<boolean> {
    const number = this.#state.nextWrite();
    const rows = keys.map((key) => rowOf(key, owner, number, true));
    const given = { number, owner, kind: "upsert", keys } as const;
    const written = await this.#state.write(this.#state.keyed, given, async (requestId) => {
      await this.#client.collection("keyed").upsert(rows, requestId);
      return true;
    });
    return written === true;
  }

  async #read(keys: readonly number[]): Promise<boolean> {
    const { keyed, findings } = this.#state;
    const from = this.#state.now();
    const asked = { ids: keys.map(String), consistency: "strong" } as const;
    const rows = await this.#state.read("query", () =>
      this.#client.collection("keyed").query(asked),
    );
    if (rows === undefined) return false;
    const window = { floor: from, until: this.#state.now() };
    checkRows(keyed, findings, { rows, keys }, { what: "strong probe", isFinal: false, window });
    return true;
  }
}
