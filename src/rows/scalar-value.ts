// Numbers, booleans, text and JSON as clients send them, each checked for its field's type.
import type { Refused } from "../contract/errors.js";
import { jsonBytes, jsonBytesMax, readJson } from "./json-value.js";
import { type Field, type Key, varCharLengthMax } from "./schema.js";
import { outOfRange, type ValueProblem, valueRefused, wrongType } from "./value-problem.js";

const decimal = /^-?[0-9]{1,19}$/;
const anySurrogate = /[\ud800-\udfff]/;
const loneSurrogate = /\p{Surrogate}/u;

export function isProblem(value: unknown): value is ValueProblem {
  return typeof value === "object" && value !== null && "code" in value;
}

export function readInt64(value: unknown): bigint | ValueProblem {
  if (typeof value === "bigint") return fitted(value);
  if (typeof value === "string") {
    if (decimal.test(value)) return fitted(BigInt(value));
    return { code: "invalid-row", text: "is a string that is no decimal integer" };
  }
  if (typeof value !== "number") return wrongType(value, "an integer");
  if (Number.isSafeInteger(value)) return BigInt(value);
  if (!Number.isInteger(value)) return { code: "invalid-row", text: `is ${value}, not an integer` };
  const hint = "send an integer beyond 2^53 as a string of decimals";
  return outOfRange(`is ${value}, which a JSON number does not hold exactly`, hint);
}

function fitted(value: bigint): bigint | ValueProblem {
  if (BigInt.asIntN(64, value) === value) return value;
  return outOfRange(`is ${String(value).slice(0, 40)}, beyond 64 bits`);
}

/** Int8, Int16 and Int32. */
export function readSmallInteger(value: unknown, bits: 8 | 16 | 32): number | ValueProblem {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number !== "number") return wrongType(value, "an integer");
  if (!Number.isInteger(number)) {
    return { code: "invalid-row", text: `is ${number}, not an integer` };
  }
  const bound = 2 ** (bits - 1);
  if (number >= -bound && number < bound) return number;
  return outOfRange(`is ${number}, beyond ${bits} bits`);
}

export function readFloat(value: unknown, type: "Float" | "Double"): number | ValueProblem {
  const number = typeof value === "bigint" ? Number(value) : value;
  if (typeof number !== "number") return wrongType(value, "a number");
  if (!Number.isFinite(number)) return outOfRange(`is ${number}`);
  if (type === "Double" || Number.isFinite(Math.fround(number))) return number;
  return outOfRange(`is ${number}, beyond float32`);
}

export function readBoolean(value: unknown): 0 | 1 | ValueProblem {
  if (value === true) return 1;
  return value === false ? 0 : wrongType(value, "true or false");
}

export function readText(value: unknown, bytesMax: number): string | ValueProblem {
  if (typeof value !== "string") return wrongType(value, "a string");
  // A code unit takes three bytes at most: short text need not be measured.
  if (value.length * 3 > bytesMax) {
    const bytes = Buffer.byteLength(value);
    if (bytes > bytesMax) return outOfRange(`has ${bytes} bytes, more than ${bytesMax}`);
  }
  if (anySurrogate.test(value) && loneSurrogate.test(value)) {
    return { code: "invalid-row", text: "is not Unicode text: it has half of a surrogate pair" };
  }
  return value;
}

export type JsonColumnRead =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: ValueProblem };

/** Not a problem in disguise: a JSON value may itself look like one. */
export function readJsonColumn(value: unknown): JsonColumnRead {
  const read = readJson(value, "the value");
  if (!read.ok) {
    const code = read.reserved ? "reserved-name" : "invalid-row";
    return { ok: false, problem: { code, text: `is no JSON we keep: ${read.problem}` } };
  }
  const bytes = jsonBytes(read.value);
  if (bytes <= jsonBytesMax) return { ok: true, value: read.value };
  const problem = outOfRange(`has ${bytes} bytes of JSON, more than ${jsonBytesMax}`);
  return { ok: false, problem };
}

export type KeysRead = { readonly ok: true; readonly keys: readonly Key[] } | Refused;

/** The `ids` of a request as keys of the collection. */
export function readKeys(ids: readonly unknown[], keyField: Field): KeysRead {
  const keys: Key[] = [];
  for (const [index, id] of ids.entries()) {
    const key =
      keyField.type === "Int64"
        ? readInt64(id)
        : readText(id, keyField.maxLength ?? varCharLengthMax);
    if (isProblem(key)) return valueRefused(`ids[${index}]`, { ...key, code: "invalid-key" });
    keys.push(key);
  }
  return { ok: true, keys };
}
