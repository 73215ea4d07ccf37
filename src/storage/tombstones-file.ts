// The deletes of one range of the log, as one immutable Arrow IPC file.
import assert from "node:assert/strict";
import type { Column } from "../rows/columns.js";
import { expectThat, reasonOf } from "../rows/malformed.js";
import type { Key } from "../rows/schema.js";
import { arrowColumnOf, columnOf } from "./arrow-columns.js";
import { encodeArrowFile, openArrowFile } from "./arrow-file.js";
import { fromUint64, toUint64, uint64Column, uint64Of } from "./unsigned-columns.js";

export interface Tombstone {
  readonly key: Key;
  readonly sequence: number;
  /** Hides rows with this key that were born at or before this sequence. */
  readonly bornThrough: number;
  readonly commit: bigint;
}

export type DecodedTombstones =
  | { readonly ok: true; readonly tombstones: readonly Tombstone[] }
  | { readonly ok: false; readonly reason: string };

const format = { kind: "tombstones", version: 1 };

/** In log order, with keys of one type. Throws on tombstones that break these rules. */
export function encodeTombstones(tombstones: readonly Tombstone[]): Uint8Array {
  const count = tombstones.length;
  assertTombstones(tombstones);
  const sequences = Float64Array.from(tombstones, ({ sequence }) => sequence);
  const bornThrough = Float64Array.from(tombstones, (tombstone) => tombstone.bornThrough);
  const commits = BigUint64Array.from(tombstones, ({ commit }) => commit);
  const columns = [
    arrowColumnOf("key", keyColumn(tombstones.map(({ key }) => key)), count),
    uint64Column("sequence", toUint64(sequences)),
    uint64Column("bornThrough", toUint64(bornThrough)),
    uint64Column("commit", commits),
  ];
  return encodeArrowFile(format, { count, columns });
}

/** Never throws. */
export function decodeTombstones(bytes: Uint8Array): DecodedTombstones {
  try {
    return { ok: true, tombstones: tombstonesOf(bytes) };
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  }
}

function assertTombstones(tombstones: readonly Tombstone[]): void {
  let before = 0;
  for (const { sequence, bornThrough } of tombstones) {
    assert(sequence >= before, "the tombstones are not in log order");
    assert(bornThrough <= sequence, "a tombstone hides rows born after it");
    before = sequence;
  }
}

function keyColumn(keys: readonly Key[]): Column {
  if (typeof keys[0] === "string") {
    assert(
      keys.every((key) => typeof key === "string"),
      "keys of two types",
    );
    return { type: "VarChar", values: keys };
  }
  assert(
    keys.every((key) => typeof key === "bigint"),
    "keys of two types",
  );
  return { type: "Int64", values: BigInt64Array.from(keys) };
}

function tombstonesOf(bytes: Uint8Array): Tombstone[] {
  const { count, columns } = openArrowFile(format, bytes);
  const [key, sequence, bornThrough, commit] = columns;
  expectThat(columns.length === 4 && key !== undefined, "not the columns of tombstones");
  const keys = keysOf(columnOf(key));
  const sequences = fromUint64(uint64Of(sequence, "sequence"));
  const bounds = fromUint64(uint64Of(bornThrough, "bornThrough"));
  const commits = uint64Of(commit, "commit");
  const tombstones = Array.from({ length: count }, (_, row) => ({
    key: keys[row] as Key,
    sequence: sequences[row] as number,
    bornThrough: bounds[row] as number,
    commit: commits[row] as bigint,
  }));
  assertTombstones(tombstones);
  return tombstones;
}

function keysOf(column: Column): ArrayLike<Key> {
  expectThat(column.valid === undefined, "a tombstone without a key");
  expectThat(column.type === "Int64" || column.type === "VarChar", "keys of no key type");
  return column.values;
}
