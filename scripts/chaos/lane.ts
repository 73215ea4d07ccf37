// One writer with keys of its own: one write after the other, and reads of which all is decided.
import { setTimeout as delay } from "node:timers/promises";
import type { Random } from "../../src/simulation/random.js";
import type { ChaosClient, ChaosCollection } from "./chaos-client.js";
import { checkCount, checkSearch } from "./check-amounts.js";
import { checkRows } from "./check-rows.js";
import type { WriteKind } from "./ledger.js";
import { dimension, rowOf, rowsOfInsertMax } from "./rows.js";
import type { RunState } from "./run-state.js";

export interface LaneSettings {
  readonly owner: number;
  readonly random: Random;
  /** Between two requests. */
  readonly pauseMs: number;
  /** Of ten writes, how many delete. */
  readonly deletesOfTen: number;
}

/** How many keys a lane has in hand at once, and its first is this far from the next lane's. */
const keysInHand = 150;
const keysOfLane = 1_000_000;
const rowsMax = 20;
const autoBatchesMax = 60;

interface AutoBatch {
  readonly keys: readonly number[];
  readonly ids: readonly string[];
}

export class Lane {
  readonly #state: RunState;
  readonly #settings: LaneSettings;
  readonly #keyed: ChaosCollection;
  readonly #auto: ChaosCollection;
  readonly #keys: number[] = [];
  readonly #allKeys: number[] = [];
  #batches: AutoBatch[] = [];

  constructor(state: RunState, client: ChaosClient, settings: LaneSettings) {
    this.#state = state;
    this.#settings = settings;
    this.#keyed = client.collection("keyed");
    this.#auto = client.collection("auto");
    for (let count = 0; count < keysInHand; count++) this.#takeKey();
  }

  async run(): Promise<void> {
    const { random, pauseMs, deletesOfTen } = this.#settings;
    while (!this.#state.isOver) {
      if (random.chance(0.3)) await this.#read();
      else if (random.below(10) < deletesOfTen) await this.#delete();
      else await this.#put();
      await delay(pauseMs * (0.5 + random.next()));
    }
  }

  async #put(): Promise<void> {
    const { random, owner } = this.#settings;
    const number = this.#state.nextWrite();
    if (random.chance(0.2)) return this.#insertAuto(number);
    const keys = this.#someKeys(1 + random.below(rowsMax));
    const kind: WriteKind = random.chance(0.5) ? "insert" : "upsert";
    const rows = keys.map((key) => rowOf(key, owner, number, true));
    const given = { number, owner, kind, keys };
    await this.#state.write(this.#state.keyed, given, async (requestId) => {
      if (kind === "insert") await this.#keyed.insert(rows, requestId);
      else await this.#keyed.upsert(rows, requestId);
    });
    this.#retireUnknown(keys);
  }

  async #insertAuto(number: number): Promise<void> {
    const { random, owner } = this.#settings;
    const keys = Array.from(
      { length: 1 + random.below(rowsMax) },
      (_, row) => number * rowsOfInsertMax + row,
    );
    const rows = keys.map((key) => rowOf(key, owner, number, false));
    const given = { number, owner, kind: "insert", keys } as const;
    const ledger = this.#state.auto;
    const ids = await this.#state.write(ledger, given, (id) => this.#auto.insert(rows, id));
    if (ids === undefined) return;
    for (const [row, key] of keys.entries()) ledger.noteId(key, ids[row] ?? "missing");
    this.#batches.push({ keys, ids });
  }

  async #delete(): Promise<void> {
    const { random } = this.#settings;
    if (this.#batches.length > autoBatchesMax || random.chance(0.1)) return this.#deleteAuto();
    if (random.chance(0.4)) return this.#deleteByFilter();
    const keys = this.#someKeys(1 + random.below(rowsMax));
    await this.#writeDelete("delete-ids", keys, (requestId) =>
      this.#keyed.deleteIds(keys.map(String), requestId),
    );
  }

  async #deleteAuto(): Promise<void> {
    const { random, owner } = this.#settings;
    if (this.#batches.length === 0) return;
    const batch = random.pick(this.#batches);
    this.#batches = this.#batches.filter((other) => other !== batch);
    const number = this.#state.nextWrite();
    const given = { number, owner, kind: "delete-ids", keys: batch.keys } as const;
    await this.#state.write(this.#state.auto, given, (requestId) =>
      this.#auto.deleteIds(batch.ids, requestId),
    );
  }

  async #deleteByFilter(): Promise<void> {
    const { random, owner } = this.#settings;
    const from = this.#keys[random.below(this.#keys.length)] ?? 0;
    const to = from + 1 + random.below(rowsMax);
    const keys = this.#allKeys.filter((key) => key >= from && key < to);
    const filter = `owner == ${owner} and key >= ${from} and key < ${to}`;
    const { keyed, findings } = this.#state;
    const before = { floor: this.#state.now(), until: this.#state.now() };
    const count = await this.#writeDelete("delete-filter", keys, (requestId) =>
      this.#keyed.deleteFilter(filter, requestId),
    );
    const reading = { what: "count of a delete by filter", isFinal: false, window: before };
    if (count !== undefined) checkCount(keyed, findings, count, keys, reading);
  }

  async #writeDelete(
    kind: WriteKind,
    keys: readonly number[],
    send: (requestId: string) => Promise<number>,
  ): Promise<number | undefined> {
    const given = { number: this.#state.nextWrite(), owner: this.#settings.owner, kind, keys };
    const count = await this.#state.write(this.#state.keyed, given, send);
    this.#retireUnknown(keys);
    return count;
  }

  /** Nobody else writes these keys, and this lane is not writing now: all is decided. */
  async #read(): Promise<void> {
    const { random, owner } = this.#settings;
    const { keyed, findings } = this.#state;
    const filter = `owner == ${owner}`;
    const consistency = random.chance(0.7) ? "strong" : "session";
    const from = this.#state.now();
    const reading = (what: string) => {
      const window = { floor: from, until: this.#state.now() };
      return { what: `${consistency} ${what} of one's own rows`, isFinal: false, window };
    };
    const way = random.below(3);
    if (way === 0) {
      const vector = Float32Array.from({ length: dimension }, () => random.below(16));
      const asked = { vector, limit: 10, exact: true, filter, consistency } as const;
      const hits = await this.#state.read("search", () => this.#keyed.search(asked));
      const given = { ...asked, keys: this.#allKeys };
      if (hits !== undefined) checkSearch(keyed, findings, hits, given, reading("search"));
    } else if (way === 1) {
      const asked = { filter, consistency, limit: 16_384 } as const;
      const rows = await this.#state.read("query", () => this.#keyed.query(asked));
      if (rows === undefined) return;
      checkRows(keyed, findings, { rows, keys: this.#allKeys }, reading("query"));
    } else {
      const asked = { filter, consistency } as const;
      const count = await this.#state.read("count", () => this.#keyed.count(asked));
      if (count !== undefined) {
        checkCount(keyed, findings, count, this.#allKeys, reading("count"));
      }
    }
  }

  #someKeys(count: number): readonly number[] {
    const start = this.#settings.random.below(this.#keys.length);
    return Array.from({ length: count }, (_, at) => this.#keys[(start + at) % keysInHand] ?? 0);
  }

  /** With a write of unknown outcome behind it a key would soon have too many legal values. */
  #retireUnknown(keys: readonly number[]): void {
    for (const key of keys) {
      const place = this.#keys.indexOf(key);
      if (place < 0 || !this.#state.keyed.isUncertain(key)) continue;
      this.#keys.splice(place, 1);
      this.#takeKey();
    }
  }

  #takeKey(): void {
    const key = this.#settings.owner * keysOfLane + this.#allKeys.length;
    this.#keys.push(key);
    this.#allKeys.push(key);
  }
}
