// A metadata store with compare-and-set that is away at times and loses the outcome of writes.

import { UnavailableError } from "../storage/errors.js";
import {
  conflict,
  outcomeOfDelete,
  outcomeOfWrite,
  type StoredValue,
  type WriteOutcome,
} from "../storage/metadata-store.js";
import type { MetadataEntry } from "../system/actor.js";
import type { World } from "./world.js";

export class MetadataFake {
  readonly #world: World;
  readonly stored = new Map<string, StoredValue>();
  awayUntilMs = 0;
  #lastRevision = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get isAway(): boolean {
    return this.#world.hasFaults && this.#world.nowMs < this.awayUntilMs;
  }

  read(key: string): MetadataEntry | null {
    if (this.isAway || this.#world.strikes("outcomeLost")) throw away(`read '${key}'`);
    const stored = this.stored.get(key);
    return stored === undefined ? null : { key, ...stored };
  }

  list(prefix: string): MetadataEntry[] {
    if (this.isAway || this.#world.strikes("outcomeLost")) throw away(`list '${prefix}'`);
    return [...this.stored]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, stored]) => ({ key, ...stored }));
  }

  /** `value` null deletes, `revision` null creates; throws `UnavailableError` if nobody knows. */
  write(key: string, value: Uint8Array | null, revision: number | null): WriteOutcome {
    if (this.isAway && !this.#world.random.chance(0.2)) throw away(`write '${key}'`);
    const outcome = this.#apply(key, value, revision ?? 0);
    if (this.isAway || this.#world.strikes("outcomeLost")) throw away(`write '${key}'`);
    return outcome;
  }

  #apply(key: string, value: Uint8Array | null, given: number): WriteOutcome {
    const stored = this.stored.get(key);
    const isBlind = this.#world.mutant?.host?.writesBlindly === true && key.startsWith("roots.");
    const expected = isBlind ? (stored?.revision ?? 0) : given;
    if (value === null) {
      const outcome = outcomeOfDelete(stored, expected);
      if (outcome !== undefined) return outcome;
      this.#world.auditor.metadataWritten(key, stored?.value ?? null, null);
      this.#lastRevision += 1;
      this.stored.delete(key);
      return { ok: true, revision: expected };
    }
    if ((stored?.revision ?? 0) !== expected) {
      return outcomeOfWrite(stored, value, expected) ?? conflict;
    }
    this.#lastRevision += 1;
    this.stored.set(key, { value: value.slice(), revision: this.#lastRevision });
    this.#world.auditor.metadataWritten(key, stored?.value ?? null, value);
    return { ok: true, revision: this.#lastRevision };
  }
}

function away(operation: string): UnavailableError {
  return new UnavailableError(operation, "simulated");
}

/** Of an operation on the store, or what stands in for it while the store is away. */
export function reached<Value>(operation: () => Value, otherwise: Value): Value {
  try {
    return operation();
  } catch (error) {
    if (error instanceof UnavailableError) return otherwise;
    throw error;
  }
}
