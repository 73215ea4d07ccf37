// Unsigned columns of Arrow files: row numbers, timestamps, and sequences as 64-bit integers.
import assert from "node:assert/strict";
import { DataType, Field, makeData, Uint32, Uint64 } from "apache-arrow";
import { expectThat } from "../rows/malformed.js";
import type { ArrowColumn } from "./arrow-file.js";

export function uint32Column(name: string, values: Uint32Array): ArrowColumn {
  const data = makeData({ type: new Uint32(), nullCount: 0, data: values });
  return { field: new Field(name, data.type, false), data };
}

export function uint64Column(name: string, values: BigUint64Array): ArrowColumn {
  const data = makeData({ type: new Uint64(), nullCount: 0, data: values });
  return { field: new Field(name, data.type, false), data };
}

/** Throws what `reasonOf` explains when the column is another one. */
export function uint32Of(column: ArrowColumn | undefined, name: string): Uint32Array {
  return unsignedOf(column, name, 32) as Uint32Array;
}

export function uint64Of(column: ArrowColumn | undefined, name: string): BigUint64Array {
  return unsignedOf(column, name, 64) as BigUint64Array;
}

function unsignedOf(column: ArrowColumn | undefined, name: string, bitWidth: 32 | 64) {
  expectThat(column?.field.name === name, `there is no column '${name}' where it should be`);
  const { data } = column as ArrowColumn;
  const fits = DataType.isInt(data.type) && data.type.bitWidth === bitWidth && !data.type.isSigned;
  expectThat(fits && data.nullCount === 0, `'${name}' is no Uint${bitWidth}`);
  const values = data.values as BigUint64Array | Uint32Array;
  expectThat(values.length >= data.length, `'${name}' is cut off`);
  return values.subarray(0, data.length);
}

const word = 2 ** 32;

export function toUint64(sequences: Float64Array): BigUint64Array {
  const stored = new BigUint64Array(sequences.length);
  const words = new Uint32Array(stored.buffer);
  for (let row = 0; row < sequences.length; row++) {
    const sequence = sequences[row] as number;
    assert(Number.isSafeInteger(sequence) && sequence >= 0, `${sequence} is no sequence`);
    words[2 * row] = sequence % word;
    words[2 * row + 1] = Math.floor(sequence / word);
  }
  return stored;
}

export function fromUint64(stored: BigUint64Array): Float64Array {
  const sequences = new Float64Array(stored.length);
  const words = new Uint32Array(stored.buffer, stored.byteOffset, stored.length * 2);
  for (let row = 0; row < sequences.length; row++) {
    const sequence = (words[2 * row + 1] as number) * word + (words[2 * row] as number);
    expectThat(Number.isSafeInteger(sequence), "a sequence is beyond what a number holds");
    sequences[row] = sequence;
  }
  return sequences;
}
