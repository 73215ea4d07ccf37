// Vectors as clients send them (numbers, base64 or raw float32) into one array of float32.
import { type Refused, refused } from "../contract/errors.js";
import {
  outOfRange,
  typeName,
  type ValueProblem,
  type ValueWriter,
  valueRefused,
} from "./value-problem.js";

const forms = "a vector is an array of numbers, a base64 string of float32 or float32 bytes";

/** Where the vectors go: `bytes` is the same memory as `floats`. */
interface Target {
  readonly floats: Float32Array;
  readonly bytes: Buffer;
  readonly dimension: number;
}

/** Bytes on the wire are little-endian, and so is every machine that Node 20 runs on. */
export function vectorWriter(floats: Float32Array, dimension: number): ValueWriter {
  const bytes = Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength);
  const target = { floats, bytes, dimension };
  return (value, index) => {
    const at = index * dimension;
    if (Array.isArray(value)) return writeNumbers(target, at, value);
    if (value instanceof Uint8Array) return writeBytes(target, at, value);
    if (typeof value === "string") return writeBase64(target, at, value);
    if (value instanceof Float32Array) return writeFloats(target, at, value);
    return { code: "invalid-row", text: `is ${typeName(value)}, not a vector`, hint: forms };
  };
}

function wrongDimension(given: number, dimension: number): ValueProblem {
  return { code: "dimension-mismatch", text: `has ${given} dimensions, not ${dimension}` };
}

function writeNumbers(target: Target, at: number, values: readonly unknown[]): ValueProblem | null {
  const { floats, dimension } = target;
  if (values.length !== dimension) return wrongDimension(values.length, dimension);
  let sum = 0;
  for (let index = 0; index < dimension; index += 1) {
    const value = values[index];
    if (typeof value !== "number") {
      const text = `has ${typeName(value)} at dimension ${index}`;
      return { code: "invalid-row", text, hint: forms };
    }
    floats[at + index] = value;
    // Zero while all are finite, NaN from the first that is not: one test a vector, not a number.
    sum += (floats[at + index] as number) * 0;
  }
  return sum === 0 ? null : notFinite(values, dimension);
}

function writeFloats(target: Target, at: number, values: Float32Array): ValueProblem | null {
  if (values.length !== target.dimension) return wrongDimension(values.length, target.dimension);
  target.floats.set(values, at);
  return problemOfFloats(target, at);
}

function writeBytes(target: Target, at: number, value: Uint8Array): ValueProblem | null {
  if (value.length !== target.dimension * 4) return wrongBytes(value.length, target.dimension);
  target.bytes.set(value, at * 4);
  return problemOfFloats(target, at);
}

function wrongBytes(given: number, dimension: number): ValueProblem {
  if (given % 4 === 0) return wrongDimension(given / 4, dimension);
  const text = `has ${given} bytes, which is no number of float32 values`;
  return { code: "dimension-mismatch", text, hint: forms };
}

function writeBase64(target: Target, at: number, value: string): ValueProblem | null {
  const size = target.dimension * 4;
  const letters = Math.ceil((size * 4) / 3);
  const padding = "=".repeat((4 - (letters % 4)) % 4);
  const isPadded = value.length === letters + padding.length && value.endsWith(padding);
  // The decoder skips what is not base64; exactly as many letters as it needs leave none to skip.
  if (!(value.length === letters || isPadded)) return wrongBase64(value, target.dimension);
  if (target.bytes.write(value, at * 4, size, "base64") !== size) {
    return wrongBase64(value, target.dimension);
  }
  return problemOfFloats(target, at);
}

function wrongBase64(value: string, dimension: number): ValueProblem {
  const given = Buffer.from(value, "base64").length;
  const isBase64 = /^[A-Za-z0-9+/_-]*={0,2}$/.test(value);
  if (isBase64 && given !== dimension * 4) return wrongBytes(given, dimension);
  return { code: "invalid-row", text: "is a string that is not base64", hint: forms };
}

function problemOfFloats(target: Target, at: number): ValueProblem | null {
  const { floats, dimension } = target;
  let sum = 0;
  const end = at + dimension;
  for (let index = at; index < end; index += 1) sum += (floats[index] as number) * 0;
  return sum === 0 ? null : notFinite(floats.subarray(at, end), dimension);
}

function notFinite(values: ArrayLike<unknown>, dimension: number): ValueProblem {
  for (let index = 0; index < dimension; index += 1) {
    const value = values[index] as number;
    if (Number.isFinite(Math.fround(value))) continue;
    const beyond = Number.isFinite(value) ? "beyond float32: " : "";
    return outOfRange(`has ${beyond}${value} at dimension ${index}`);
  }
  throw new Error("a vector that is not finite has a number that is not");
}

/** What the vectors of a message can become; checked before room is made for them. */
const vectorsBytesMax = 32 * 1024 * 1024;

export type VectorsRead = { readonly ok: true; readonly bytes: Uint8Array } | Refused;

/** The query vectors of a search, row-major float32; of one that came as such, the very bytes. */
export function readVectors(values: readonly unknown[], dimension: number): VectorsRead {
  if (values.length * dimension * 4 > vectorsBytesMax) {
    const asked = `${values.length} vectors of ${dimension} dimensions`;
    return refused("limit-exceeded", `${asked} are more than ${vectorsBytesMax} bytes`);
  }
  const [only] = values;
  const isBinary = values.length === 1 && only instanceof Uint8Array;
  const vectors = isBinary ? scratchFor(dimension) : new Float32Array(values.length * dimension);
  const write = vectorWriter(vectors, dimension);
  for (const [index, value] of values.entries()) {
    const problem = write(value, index);
    if (problem !== null) return valueRefused(`vectors[${index}]`, problem);
  }
  if (isBinary) return { ok: true, bytes: only };
  return { ok: true, bytes: new Uint8Array(vectors.buffer) };
}

let scratch = new Float32Array(0);

/** Bytes may begin anywhere, and are looked at where floats may. */
function scratchFor(dimension: number): Float32Array {
  if (scratch.length < dimension) scratch = new Float32Array(dimension);
  return scratch;
}
