// Vectors that are still the bytes in which they were stored: most readers never ask for numbers.
import type { Validity, VectorColumn } from "./columns.js";
import { copied } from "./copied.js";

/** Good for as long as its bytes stay what they are. */
export class StoredVectors implements VectorColumn {
  readonly type = "FloatVector";
  readonly dimension: number;
  readonly valid: Validity | undefined;
  readonly bytes: Uint8Array;
  #values: Float32Array | null = null;

  constructor(bytes: Uint8Array, dimension: number, valid: Validity | undefined) {
    this.bytes = bytes;
    this.dimension = dimension;
    this.valid = valid;
  }

  get values(): Float32Array {
    this.#values ??= copied(Float32Array, this.bytes);
    return this.#values;
  }
}

/** Without a copy, whichever of the two they are. */
export function rawVectorsOf(column: VectorColumn): Float32Array | Uint8Array {
  return column instanceof StoredVectors ? column.bytes : column.values;
}
