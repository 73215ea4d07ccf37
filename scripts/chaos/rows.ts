// The rows that chaos writes: what a value must be follows from its key and its write's number.

export const dimension = 8;

/** Vectors of small whole numbers: their squared distances are exact in float32. */
const valuesOfPlace = 16;
/** An automatic key says nothing: its rows carry the write's number times this plus their place. */
export const rowsOfInsertMax = 64;

/** A row as it was written; `id` is left out where the log decides it. */
export interface ChaosRow {
  readonly id?: bigint;
  readonly key: bigint;
  readonly owner: number;
  readonly write: bigint;
  readonly v: Float32Array;
}

/** A row as a read showed it. */
export interface ShownRow {
  readonly id: string;
  readonly key: number;
  readonly owner: number;
  readonly write: number;
  /** Absent where the read did not ask for it. */
  readonly v?: readonly number[];
}

export interface ShownHit extends ShownRow {
  readonly score: number;
}

export function vectorOf(key: number, write: number): Float32Array {
  const vector = new Float32Array(dimension);
  let state = (Math.imul(key, 0x9e3779b1) ^ Math.imul(write, 0x85ebca6b)) >>> 0;
  for (let place = 0; place < dimension; place++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0;
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39) >>> 0;
    vector[place] = state % valuesOfPlace;
  }
  return vector;
}

export function distance(left: ArrayLike<number>, right: ArrayLike<number>): number {
  let sum = 0;
  for (let place = 0; place < dimension; place++) {
    const difference = (left[place] as number) - (right[place] as number);
    sum += difference * difference;
  }
  return sum;
}

export function rowOf(key: number, owner: number, write: number, hasId: boolean): ChaosRow {
  const row = { key: BigInt(key), owner, write: BigInt(write), v: vectorOf(key, write) };
  return hasId ? { id: BigInt(key), ...row } : row;
}

/** From either client: keys are bigints there, strings here, and vectors of several sorts. */
export function shownRow(fields: Readonly<Record<string, unknown>>): ShownRow {
  const { id, key, owner, write, v } = fields;
  const row = { id: String(id), key: Number(key), owner: Number(owner), write: Number(write) };
  return v === undefined ? row : { ...row, v: Array.from(v as ArrayLike<number>) };
}
