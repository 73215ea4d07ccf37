// JSON values in rows and requests: bounded, finite, without keys that JavaScript reserves.

const jsonDepthMax = 64;
export const jsonBytesMax = 64 * 1024;

const reserved = new Set(["__proto__", "constructor", "prototype"]);

/** Keys that could reach a prototype; refused wherever a client names something. */
export function isReservedName(name: string): boolean {
  return reserved.has(name);
}

export type JsonRead =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: string; readonly reserved?: true };

class JsonProblem {
  readonly text: string;
  readonly reserved: boolean;
  constructor(text: string, reserved = false) {
    this.text = text;
    this.reserved = reserved;
  }
}

/**
 * The value with safe bigints (64-bit integers of MessagePack) as numbers; what needs no change is
 * not copied. `path` names the value in messages.
 */
export function readJson(value: unknown, path: string): JsonRead {
  const read = readValue(value, path, 0);
  if (!(read instanceof JsonProblem)) return { ok: true, value: read };
  const { text } = read;
  return read.reserved
    ? { ok: false, problem: text, reserved: true }
    : { ok: false, problem: text };
}

/** Of its text in the log. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? "");
}

function readValue(value: unknown, path: string, depth: number): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : new JsonProblem(`${path} is ${value}`);
    case "bigint":
      return readBigint(value, path);
    case "object":
      return value === null ? null : readContainer(value, path, depth);
    default:
      return new JsonProblem(`${path} is ${typeof value}, which JSON cannot hold`);
  }
}

function readBigint(value: bigint, path: string): number | JsonProblem {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  return new JsonProblem(`${path} is ${value}: beyond 2^53 JSON keeps no integer, send it as text`);
}

function readContainer(value: object, path: string, depth: number): unknown {
  if (depth >= jsonDepthMax) {
    return new JsonProblem(`a JSON value nests more than ${jsonDepthMax} levels deep`);
  }
  if (Array.isArray(value)) return readArray(value, path, depth);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return new JsonProblem(`${path} is binary, which JSON cannot hold`);
  }
  return readObject(value as Record<string, unknown>, path, depth);
}

function readArray(array: readonly unknown[], path: string, depth: number): unknown {
  let copy: unknown[] | undefined;
  for (let index = 0; index < array.length; index += 1) {
    const before = array[index];
    const read = isPlain(before) ? before : readValue(before, `${path}[${index}]`, depth + 1);
    if (read instanceof JsonProblem) return read;
    if (read !== before && copy === undefined) copy = array.slice();
    if (copy !== undefined) copy[index] = read;
  }
  return copy ?? array;
}

function readObject(object: Record<string, unknown>, path: string, depth: number): unknown {
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(object)) {
    if (isReservedName(key)) return new JsonProblem(`${path} has the reserved key '${key}'`, true);
    const before = object[key];
    const read = isPlain(before) ? before : readValue(before, `${path}.${key}`, depth + 1);
    if (read instanceof JsonProblem) return read;
    if (read !== before && copy === undefined) copy = { ...object };
    if (copy !== undefined) copy[key] = read;
  }
  return copy ?? object;
}

/** The usual leaves, told apart before a path is put together for them. */
function isPlain(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value === "string" || typeof value === "boolean" || value === null;
}
