// What clients do: inserts, upserts, deletes, reads of every age, and collections that come and go.
import type { RowTest } from "./channel-model.js";
import { type ClientTools, database, read, write } from "./client.js";
import type { Answer } from "./gateway.js";
import type { WriteContent, WrittenRow } from "./ledger.js";
import type { ReadAsked, ReadSent } from "./read-auditor.js";
import { timings } from "./scenario.js";

type Asked = ReadAsked & { filter: string | null };

interface Filter {
  readonly text: string;
  readonly test: RowTest;
}

/** Vectors of small whole numbers: their distances are exact in every arithmetic. */
const dimension = 2;
const groups = 5;

export class Workload {
  readonly #tools: ClientTools;
  readonly #sessions: string[] = [];
  readonly #snapshots: string[] = [];
  /** Ids that the log gave, by which rows of automatic ids are deleted. */
  #versions = 0;
  #requests = 0;
  isOver = false;
  running = 0;
  counts = { reads: 0, answered: 0, writes: 0, acknowledged: 0 };

  constructor(tools: ClientTools) {
    this.#tools = tools;
  }

  start(): void {
    const { world } = this.#tools;
    for (let client = 0; client < world.scenario.clients; client += 1) {
      world.after(world.random.next() * 200, () => this.#next());
    }
    if (world.scenario.dropsCollections) this.#dropLater();
    if (world.scenario.altersCollections === true) this.#alterLater();
    if (world.scenario.altersReplicas === true) this.#alterReplicasLater();
  }

  #next(): void {
    const { world } = this.#tools;
    if (this.isOver) return;
    this.running += 1;
    const meanMs = world.scenario.pauseBetweenMs;
    this.#operate(() => {
      this.running -= 1;
      world.after(world.random.next() * 2 * meanMs, () => this.#next());
    });
  }

  #operate(done: () => void): void {
    const { random } = this.#tools.world;
    const kind = random.next();
    if (kind < 0.03) return this.create(done);
    if (kind < 0.06) return this.#flush(done);
    if (kind < 0.55) return this.#write(done);
    return this.#read(done);
  }

  create(done: () => void): void {
    const { world, gateway } = this.#tools;
    const { scenario } = world;
    const thresholds = {
      sealRows: scenario.sealRows,
      sealAgeMs: Math.max(100, Math.floor(scenario.sealAgeMs)),
      indexRowsMin: 6,
      mergeBytes: 40_000,
    };
    const key = { name: "id", type: "Int64", primaryKey: true, autoId: scenario.autoId };
    const body = {
      name: collection,
      fields: [
        key,
        { name: "n", type: "Int64" },
        { name: "g", type: "Int64" },
        { name: "v", type: "FloatVector", dimension },
      ],
      metric: "L2",
      shards: scenario.shards,
      replicas: scenario.replicas,
      asOfWindow: Math.floor(scenario.asOfWindowMs),
      thresholds,
    };
    gateway.request([database, "create-collection"], body, 4_000, () => done());
  }

  #flush(done: () => void): void {
    const { gateway } = this.#tools;
    gateway.request([database, collection, "flush"], {}, timings.requestTimeoutMs, () => done());
  }

  #dropLater(): void {
    const { world, gateway } = this.#tools;
    const pauseMs = world.scenario.dropPauseMs ?? 3_000;
    world.after(pauseMs + (world.random.next() * 8 * pauseMs) / 3, () => {
      if (this.isOver) return;
      const drop = {
        name: collection,
        startedAtMs: world.nowMs,
        endsAtMs: Number.MAX_SAFE_INTEGER,
      };
      world.auditor.ledger.drops.push(drop);
      gateway.request([database, "drop-collection"], { name: collection }, 4_000, (answer) => {
        drop.endsAtMs = answer?.ok ? world.nowMs : world.nowMs + timings.silenceMs;
        this.#dropLater();
        if (answer?.ok) this.create(() => undefined);
      });
    });
  }

  #alterLater(): void {
    const { world, gateway } = this.#tools;
    world.after(1_000 + world.random.next() * 3_000, () => {
      if (this.isOver) return;
      const body = { name: collection, asOfWindow: Math.floor(world.scenario.asOfWindowMs) };
      const altered = { ...body, consistency: world.random.pick(["strong", "session"]) };
      gateway.request([database, "alter-collection"], altered, 4_000, () => this.#alterLater());
    });
  }

  #alterReplicasLater(): void {
    const { world, gateway } = this.#tools;
    world.after(1_000 + world.random.next() * 6_000, () => {
      if (this.isOver) return;
      const altered = { name: collection, replicas: 1 + world.random.below(3) };
      const next = () => this.#alterReplicasLater();
      gateway.request([database, "alter-collection"], altered, 4_000, next);
    });
  }

  #write(done: () => void): void {
    const { random } = this.#tools.world;
    this.#requests += 1;
    const requestId = `q-${this.#requests}`;
    const parts = random.chance(0.15) ? 2 : 1;
    let waiting = parts;
    for (let part = 0; part < parts; part += 1) {
      this.counts.writes += 1;
      write(
        this.#tools,
        collection,
        { requestId, part, content: this.#content(parts) },
        (session) => {
          if (session !== null) {
            this.counts.acknowledged += 1;
            this.#remember(session);
          }
          waiting -= 1;
          if (waiting === 0) done();
        },
      );
    }
  }

  #content(parts: number): WriteContent {
    const { random, scenario } = this.#tools.world;
    const kind = parts > 1 ? 0 : random.next();
    if (kind < 0.45) return { kind: "insert", rows: this.#rows() };
    if (kind < 0.7 && !scenario.autoId) return { kind: "upsert", rows: this.#rows() };
    if (kind < 0.88) return { kind: "deleteIds", ids: this.#ids() };
    const { text: filter, test } = this.#filter();
    return { kind: "deleteFilter", filter, test };
  }

  #rows(): WrittenRow[] {
    const { random, scenario } = this.#tools.world;
    const ids = new Set<number>();
    const count = 1 + random.below(4);
    for (let row = 0; row < count; row += 1) ids.add(1 + random.below(scenario.keys));
    return [...ids].map((id) => {
      this.#versions += 1;
      const n = this.#versions;
      const v = Array.from({ length: dimension }, () => random.below(10));
      return { id: scenario.autoId ? null : id, n, g: n % groups, v };
    });
  }

  #ids(): bigint[] {
    const { random, scenario, auditor } = this.#tools.world;
    const count = 1 + random.below(3);
    if (!scenario.autoId) {
      return [
        ...new Set(Array.from({ length: count }, () => BigInt(1 + random.below(scenario.keys)))),
      ];
    }
    const rows = [...auditor.channels.values()].flatMap((model) => model.rows);
    if (rows.length === 0) return [1n];
    return [...new Set(Array.from({ length: count }, () => random.pick(rows).key))];
  }

  #filter(): Filter {
    const { random } = this.#tools.world;
    const g = random.below(groups);
    if (random.chance(0.6)) return { text: `g == ${g}`, test: (row) => row.g === g };
    const least = Math.max(0, this.#versions - 5 - random.below(20));
    if (random.chance(0.5)) {
      const test: RowTest = (row) => row.n <= least || row.g === g;
      return { text: `n <= ${least} or g == ${g}`, test };
    }
    return {
      text: `n > ${least} and not (g == ${g})`,
      test: (row) => row.n > least && row.g !== g,
    };
  }

  #remember(session: string): void {
    this.#sessions.push(session);
    if (this.#sessions.length > 6) this.#sessions.shift();
  }

  #read(done: () => void): void {
    const asked = this.#asked();
    const burst = asked.kind === "search" && this.#tools.world.scenario.gathersFrom > 0 ? 5 : 1;
    const view = this.#view();
    let waiting = burst;
    for (let place = 0; place < burst; place += 1) {
      this.counts.reads += 1;
      const one =
        asked.kind === "search" && place > 0 ? { ...asked, vector: this.#vector() } : asked;
      read(this.#tools, collection, one, view, (answer) => {
        this.#noteRead(answer);
        waiting -= 1;
        if (waiting === 0) done();
      });
    }
  }

  #noteRead(answer: Answer | null): void {
    if (!answer?.ok) return;
    this.counts.answered += 1;
    const session = String(answer.body.session);
    this.#remember(session);
    this.#snapshots.push(session);
    if (this.#snapshots.length > 6) this.#snapshots.shift();
  }

  #asked(): Asked {
    const { random } = this.#tools.world;
    const filter = random.chance(0.4) ? this.#filter() : null;
    const of = { test: filter?.test ?? null, filter: filter?.text ?? null };
    const kind = random.next();
    if (kind < 0.2) return { kind: "count", ...of };
    if (kind < 0.6) {
      const vector = this.#vector();
      return { kind: "search", vector, limit: 1 + (random.below(6) % this.#places), ...of };
    }
    if (random.chance(0.2)) {
      return { kind: "query", test: null, filter: null, ids: this.#ids(), limit: null };
    }
    const limit = filter === null || random.chance(0.3) ? 1 + random.below(30) : null;
    return { kind: "query", ids: null, limit, ...of };
  }

  /** A cache is of use, and of danger, where the same things are asked again. */
  get #places(): number {
    return this.#tools.world.scenario.caches ? 2 : 10;
  }

  #vector(): number[] {
    const { random } = this.#tools.world;
    return Array.from({ length: dimension }, () => random.below(10) % this.#places);
  }

  #view(): { body: Record<string, unknown>; sent: Omit<ReadSent, "asked" | "startedAtMs"> } {
    const { random, nowMs, wallMs } = this.#tools.world;
    const nothing = { session: null, asOfToken: null, asOfMs: null };
    const kind = random.next();
    const session = random.chance(0.3) ? this.#anyOf(this.#sessions) : null;
    const carried = session === null ? {} : { session };
    if (kind < 0.1 && this.#snapshots.length > 0) {
      const asOf = this.#anyOf(this.#snapshots);
      return { body: { asOf }, sent: { ...nothing, maxAgeMs: undefined, asOfToken: asOf } };
    }
    if (kind < 0.25) {
      const pastMs = Math.min(nowMs, random.next() * this.#tools.world.scenario.asOfWindowMs);
      const asOf = Math.floor(wallMs - pastMs);
      return { body: { asOf }, sent: { ...nothing, maxAgeMs: undefined, asOfMs: asOf } };
    }
    if (kind < 0.6) return { body: carried, sent: { ...nothing, session, maxAgeMs: 0 } };
    if (kind < 0.8) {
      const maxAgeMs = Math.floor(random.next() * 3_000);
      return { body: { ...carried, maxAgeMs }, sent: { ...nothing, session, maxAgeMs } };
    }
    const body = { ...carried, consistency: random.chance(0.5) ? "eventual" : "session" };
    return { body, sent: { ...nothing, session, maxAgeMs: null } };
  }

  #anyOf(tokens: readonly string[]): string | null {
    return tokens.length === 0 ? null : this.#tools.world.random.pick(tokens);
  }
}

export const collection = "docs";
