// One who only reads, across all writers' keys and while they write: every answer must be legal.
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../src/simulation/random.js";
import type { ChaosClient, ChaosCollection, View } from "./chaos-client.js";
import { checkApproximate, checkCount, checkSearch } from "./check-amounts.js";
import { checkRows, type Reading } from "./check-rows.js";
import type { Ledger, Write } from "./ledger.js";
import { dimension, type ShownRow } from "./rows.js";
import type { RunState } from "./run-state.js";

const boundedAgeMs = 1_000;
const rowsMax = 500;
const flushEveryMs = 4_000;

export class Reader {
  readonly #state: RunState;
  readonly #random: Random;
  readonly #pauseMs: number;
  readonly #keyed: ChaosCollection;
  /** Before this everything acknowledged was shown to this reader's session. */
  #shownFloor = Number.NEGATIVE_INFINITY;
  readonly #seen = new Map<number, Write>();

  constructor(state: RunState, client: ChaosClient, random: Random, pauseMs: number) {
    this.#state = state;
    this.#random = random;
    this.#pauseMs = pauseMs;
    this.#keyed = client.collection("keyed");
  }

  async run(): Promise<void> {
    const reads = [
      () => this.#search(true),
      () => this.#search(false),
      () => this.#query(),
      () => this.#queryIds(),
      () => this.#count(),
    ];
    while (!this.#state.isOver) {
      await this.#random.pick(reads)();
      await delay(this.#pauseMs * (0.5 + this.#random.next()));
    }
  }

  async #search(exact: boolean): Promise<void> {
    const { keyed, findings } = this.#state;
    const vector = Float32Array.from({ length: dimension }, () => this.#random.below(16));
    const limit = 1 + this.#random.below(20);
    await this.#read("search", async (view) => {
      const hits = await this.#keyed.search({ vector, limit, exact, ...view });
      return (reading) => {
        const asked = { vector, limit, keys: keyed.keys };
        if (exact) checkSearch(keyed, findings, hits, asked, reading);
        else checkApproximate(keyed, findings, hits, asked, reading);
        this.#note(hits);
      };
    });
  }

  async #query(): Promise<void> {
    const { keyed, findings } = this.#state;
    const all = keyed.keys;
    const from = all[this.#random.below(Math.max(1, all.length))] ?? 0;
    const to = from + 1 + this.#random.below(rowsMax);
    const keys = all.filter((key) => key >= from && key < to);
    const filter = `id >= ${from} and id < ${to}`;
    await this.#read("query", async (view) => {
      const rows = await this.#keyed.query({ filter, limit: 16_384, ...view });
      return (reading) => {
        checkRows(keyed, findings, { rows, keys }, reading);
        this.#note(rows);
      };
    });
  }

  async #queryIds(): Promise<void> {
    const { keyed, findings } = this.#state;
    const all = keyed.keys;
    if (all.length === 0) return;
    const keys = [...new Set(Array.from({ length: 20 }, () => this.#random.pick(all)))];
    await this.#read("query", async (view) => {
      const rows = await this.#keyed.query({ ids: keys.map(String), ...view });
      return (reading) => {
        checkRows(keyed, findings, { rows, keys }, { ...reading, what: `${reading.what} by ids` });
        this.#note(rows);
      };
    });
  }

  async #count(): Promise<void> {
    const { keyed, findings } = this.#state;
    await this.#read("count", async (view) => {
      const count = await this.#keyed.count(view);
      return (reading) => checkCount(keyed, findings, count, keyed.keys, reading);
    });
  }

  async #read(
    kind: string,
    send: (view: View) => Promise<(reading: Reading) => void>,
  ): Promise<void> {
    const view = this.#view();
    const from = this.#state.now();
    const check = await this.#state.read(kind, () => send(view));
    if (check === undefined) return;
    const window = { floor: this.#floor(view, from), until: this.#state.now() };
    const what = `${view.consistency} ${kind}`;
    check({ what, isFinal: false, window, seen: this.#seen });
    if (view.consistency === "strong") this.#shownFloor = Math.max(this.#shownFloor, from);
  }

  #view(): View {
    const dice = this.#random.next();
    if (dice < 0.5) return { consistency: "strong" };
    if (dice < 0.8) return { consistency: "session" };
    return { consistency: "bounded", maxAgeMs: boundedAgeMs };
  }

  #floor({ consistency }: View, from: number): number {
    if (consistency === "strong") return from;
    if (consistency === "session") return this.#shownFloor;
    return Math.max(this.#shownFloor, from - boundedAgeMs);
  }

  #note(rows: readonly ShownRow[]): void {
    for (const { key, write } of rows) {
      const writer = this.#state.keyed.history(key).find(({ number }) => number === write);
      if (writer !== undefined) this.#seen.set(key, writer);
    }
  }
}

/** Asks for a flush of each collection now and then, so that segments are made all the time. */
export async function flushNowAndThen(state: RunState, client: ChaosClient): Promise<void> {
  const ledgers: readonly Ledger[] = [state.keyed, state.auto];
  while (!state.isOver) {
    for (const { collection } of ledgers) {
      await state.read("flush", () => client.collection(collection).flush());
    }
    await delay(flushEveryMs);
  }
}
