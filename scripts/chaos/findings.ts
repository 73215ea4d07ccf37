// What a checker holds against the database: violations by kind, the first of each with its story.
import type { Ledger, Write } from "./ledger.js";

/**
 * lost: an acknowledged write is not there. duplicated: a row twice. phantom: a row or value that
 * nobody wrote. resurrected: a deleted row is back. stale: a read shows less than it had to, or
 * less than its session had seen. partial: fewer rows than must exist, and no error.
 */
export const violationKinds = [
  "lost",
  "duplicated",
  "phantom",
  "resurrected",
  "stale",
  "partial",
] as const;
export type ViolationKind = (typeof violationKinds)[number];

export interface Violation {
  readonly kind: ViolationKind;
  readonly collection: string;
  readonly key: number | null;
  readonly text: string;
  /** All that was ever attempted with the key, bounded. */
  readonly history: readonly string[];
}

export type ViolationCounts = Readonly<Record<ViolationKind, number>>;

const keptMax = 20;
const historyMax = 40;

export class Findings {
  readonly #counts: Record<ViolationKind, number> = {
    ...{ lost: 0, duplicated: 0, phantom: 0, resurrected: 0, stale: 0, partial: 0 },
  };
  readonly #kept: Violation[] = [];

  get counts(): ViolationCounts {
    return this.#counts;
  }

  get total(): number {
    return violationKinds.reduce((sum, kind) => sum + this.#counts[kind], 0);
  }

  /** The first ones; each is counted. */
  get kept(): readonly Violation[] {
    return this.#kept;
  }

  add(kind: ViolationKind, ledger: Ledger, key: number | null, text: string): void {
    this.#counts[kind] += 1;
    if (this.#kept.length >= keptMax) return;
    const history = key === null ? [] : ledger.history(key).slice(-historyMax).map(lineOf);
    this.#kept.push({ kind, collection: ledger.collection, key, text, history });
  }
}

function lineOf(write: Write): string {
  const { number, owner, kind, outcome, startedAt, endedAt, requestId, error, keys } = write;
  const times = `${startedAt.toFixed(0)}..${endedAt.toFixed(0)} ms`;
  const why = error === undefined ? "" : ` (${error})`;
  const scope = `write ${number} of ${owner}, ${keys.length} keys`;
  return `${times} ${kind} ${outcome}${why}: ${scope}, request ${requestId}`;
}

export function violationLines({ kind, collection, key, text, history }: Violation): string[] {
  const subject = key === null ? collection : `${collection} key ${key}`;
  return [`${kind}: ${subject}: ${text}`, ...history.map((line) => `    ${line}`)];
}
