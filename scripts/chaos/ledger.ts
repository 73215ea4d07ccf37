// Every write of a run with its outcome and its times, and what each key may show because of them.

/** unknown: the client gave up without an answer, so it may have happened, or may yet happen. */
export type Outcome = "open" | "acknowledged" | "refused" | "unknown";
export type WriteKind = "insert" | "upsert" | "delete-ids" | "delete-filter";

/** Of one collection: all its rows carry a key, the number of the write and who wrote it. */
export interface Write {
  /** Unique in the run; the rows carry it. */
  readonly number: number;
  readonly owner: number;
  readonly kind: WriteKind;
  readonly requestId: string;
  readonly keys: readonly number[];
  /** Milliseconds of the run's own monotonic clock. */
  readonly startedAt: number;
  endedAt: number;
  outcome: Outcome;
  /** The code of the error that ended it. */
  error?: string;
}

/** The number of the write whose row is there, or that none is. */
export type State = number | "absent";

/** A read that began at `from` and ended at `until`; what had ended before `floor` it must show. */
export interface Window {
  readonly floor: number;
  readonly until: number;
}

export interface Legal {
  readonly states: ReadonlySet<State>;
  /** The newest acknowledged write that the read had to show; undefined before the first. */
  readonly base: Write | undefined;
}

export interface LedgerCounts {
  /** Rows: one for each key of each write that was attempted. */
  readonly writes: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
}

const deletes: ReadonlySet<WriteKind> = new Set(["delete-ids", "delete-filter"]);

export const stateAfter = ({ kind, number }: Write): State =>
  deletes.has(kind) ? "absent" : number;

export class Ledger {
  readonly collection: string;
  readonly #histories = new Map<number, Write[]>();
  /** Keys with a write that nobody knows the end of. */
  readonly #uncertain = new Set<number>();
  /** Where the log decided it: which id a key's row was acknowledged under. */
  readonly #ids = new Map<number, string>();
  readonly #counts = { writes: 0, acknowledged: 0, unknown: 0, refused: 0 };

  constructor(collection: string) {
    this.collection = collection;
  }

  get counts(): LedgerCounts {
    return this.#counts;
  }

  /** In ascending order. */
  get keys(): readonly number[] {
    return [...this.#histories.keys()].sort((left, right) => left - right);
  }

  /** Oldest first. A key is written by one lane at a time, so they do not overlap. */
  history(key: number): readonly Write[] {
    return this.#histories.get(key) ?? [];
  }

  start(given: Omit<Write, "endedAt" | "outcome" | "error">): Write {
    const write: Write = { ...given, endedAt: Number.POSITIVE_INFINITY, outcome: "open" };
    for (const key of given.keys) {
      const history = this.#histories.get(key);
      if (history === undefined) this.#histories.set(key, [write]);
      else history.push(write);
    }
    this.#counts.writes += given.keys.length;
    return write;
  }

  end(write: Write, outcome: Exclude<Outcome, "open">, endedAt: number, error?: string): void {
    write.outcome = outcome;
    write.endedAt = endedAt;
    if (error !== undefined) write.error = error;
    this.#counts[outcome] += write.keys.length;
    if (outcome === "unknown") for (const key of write.keys) this.#uncertain.add(key);
  }

  noteId(key: number, id: string): void {
    this.#ids.set(key, id);
  }

  idOf(key: number): string | undefined {
    return this.#ids.get(key);
  }

  isUncertain(key: number): boolean {
    return this.#uncertain.has(key);
  }

  /**
   * What may be seen of a key. An unknown write may take effect at any time after it began, even
   * after later ones: it stays legal. One that is under way may have happened or not.
   */
  legal(key: number, { floor, until }: Window): Legal {
    const states = new Set<State>();
    const history = this.history(key);
    let base: Write | undefined;
    for (let at = history.length - 1; at >= 0; at--) {
      const write = history[at] as Write;
      if (write.startedAt > until || write.outcome === "refused") continue;
      if (base === undefined || write.outcome === "unknown") states.add(stateAfter(write));
      if (base === undefined && write.outcome === "acknowledged" && write.endedAt <= floor) {
        base = write;
        if (!this.#uncertain.has(key)) break;
      }
    }
    if (base === undefined) states.add("absent");
    return { states, base };
  }
}
