// What the parts of a run share: its clock, its ledgers, what was found, and when it is over.
import { randomUUID } from "node:crypto";
import { ElanusError } from "../../src/client/elanus-error.js";
import { Findings } from "./findings.js";
import { Gaps } from "./gaps.js";
import { Ledger, type Write, type WriteKind } from "./ledger.js";

export interface Failure {
  readonly kind: string;
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
}

const failuresKept = 50;

export class RunState {
  /** Keys that the writers choose, and keys that the log decides. */
  readonly keyed = new Ledger("keyed");
  readonly auto = new Ledger("auto");
  readonly findings = new Findings();
  readonly gaps = new Gaps();
  /** By kind and code: errors that the clients' retries did not mend. */
  readonly failedRequests = new Map<string, number>();
  readonly failures: Failure[] = [];
  /** Reads that were answered and held against the ledger. */
  reads = 0;
  isOver = false;
  readonly #startedAt = performance.now();
  #writes = 0;

  now(): number {
    return performance.now() - this.#startedAt;
  }

  get acknowledged(): number {
    return this.keyed.counts.acknowledged + this.auto.counts.acknowledged;
  }

  get attempted(): number {
    return this.keyed.counts.writes + this.auto.counts.writes;
  }

  get unknown(): number {
    return this.keyed.counts.unknown + this.auto.counts.unknown;
  }

  nextWrite(): number {
    this.#writes += 1;
    return this.#writes;
  }

  /** Runs a write and notes how it ended; undefined where it was not acknowledged. */
  async write<Answer>(
    ledger: Ledger,
    given: Pick<Write, "number" | "owner" | "kind" | "keys">,
    send: (requestId: string) => Promise<Answer>,
  ): Promise<Answer | undefined> {
    const requestId = randomUUID();
    const write = ledger.start({ ...given, requestId, startedAt: this.now() });
    const kind = operationOf(given.kind);
    this.gaps.started(kind, write.startedAt);
    try {
      const answer = await send(requestId);
      ledger.end(write, "acknowledged", this.now());
      this.gaps.ended(kind, write.endedAt, true);
      return answer;
    } catch (error) {
      const { code, status } = this.#failed(kind, error);
      const isRefused = status === 507 || (status >= 400 && status < 500 && status !== 429);
      ledger.end(write, isRefused ? "refused" : "unknown", this.now(), code);
      return undefined;
    }
  }

  /** Runs a read; undefined where it failed. */
  async read<Answer>(kind: string, send: () => Promise<Answer>): Promise<Answer | undefined> {
    this.gaps.started(kind, this.now());
    try {
      const answer = await send();
      this.gaps.ended(kind, this.now(), true);
      this.reads += 1;
      return answer;
    } catch (error) {
      this.#failed(kind, error);
      return undefined;
    }
  }

  #failed(kind: string, error: unknown): ElanusError {
    if (!(error instanceof ElanusError)) throw error;
    const atMs = Math.round(this.now());
    this.gaps.ended(kind, atMs, false);
    const name = `${kind} ${error.code}`;
    this.failedRequests.set(name, (this.failedRequests.get(name) ?? 0) + 1);
    if (this.failures.length < failuresKept) {
      this.failures.push({ kind, code: error.code, message: error.message, atMs });
    }
    return error;
  }
}

function operationOf(kind: WriteKind): string {
  return kind.startsWith("delete") ? "delete" : kind;
}
