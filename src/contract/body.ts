// The body of a request, JSON or MessagePack, as an object whose small arguments are plain JSON.
import { isReservedName, readJson } from "../rows/json-value.js";
import type { ClientRequest } from "../system/client-request.js";
import { type Refused, refused } from "./errors.js";
import { unpackMessage } from "./message-pack.js";

export type Body = Readonly<Record<string, unknown>>;
export type BodyRead = { readonly ok: true; readonly body: Body } | Refused;

/** Checked value by value where their types are known: by rows, keys and vectors. */
const bulk = new Set(["rows", "ids", "vector", "vectors"]);

/** Of a list that is no bulk: more than any may hold, or each item would get its complaint. */
const itemsMax = 4_096;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** An empty body is `{}`; an argument that is null counts as left out. */
export function readBody(request: Pick<ClientRequest, "contentType" | "body">): BodyRead {
  if (request.body.length === 0) return { ok: true, body: {} };
  const decoded = request.contentType === "msgpack" ? unpackMessage(request.body) : parse(request);
  if (!decoded.ok) return refused("malformed-body", decoded.problem);
  const { value } = decoded;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refused("malformed-body", "the body is not an object of arguments");
  }
  if (ArrayBuffer.isView(value)) return refused("malformed-body", "the body is binary");
  return readArguments(value as Record<string, unknown>);
}

function parse({ body }: Pick<ClientRequest, "body">) {
  try {
    return { ok: true, value: JSON.parse(utf8.decode(body)) as unknown } as const;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, problem: `the body is not JSON: ${reason}` } as const;
  }
}

function readArguments(given: Record<string, unknown>): BodyRead {
  const body: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (isReservedName(name)) return refused("reserved-name", `'${name}' is a reserved name`);
    if (value === null) continue;
    if (bulk.has(name)) {
      body[name] = value;
      continue;
    }
    if (Array.isArray(value) && value.length > itemsMax) {
      return refused("limit-exceeded", `${name} has ${value.length} items`);
    }
    const read = readJson(value, name);
    if (!read.ok) return refused(read.reserved ? "reserved-name" : "invalid-request", read.problem);
    body[name] = read.value;
  }
  return { ok: true, body };
}
