// How a request becomes a call: a schema for its arguments, and what they amount to.
import type { z } from "zod";
import type { Body } from "./body.js";
import type { Call } from "./calls.js";
import type { Refused } from "./errors.js";
import { argumentsRefused } from "./schema-problem.js";

/** What the subject says; `collection` is empty where the subject names none. */
export interface Scope {
  readonly database: string;
  readonly collection: string;
}

export type CallRead = { readonly ok: true; readonly call: Call } | Refused;
export type Operation = (body: Body, scope: Scope) => CallRead;

export function operation<Arguments>(
  schema: z.ZodType<Arguments>,
  callOf: (given: Arguments, scope: Scope) => CallRead,
): Operation {
  return (body, scope) => {
    const parsed = schema.safeParse(body);
    if (!parsed.success) return argumentsRefused(schema, body, parsed.error);
    return callOf(parsed.data, scope);
  };
}

/** The arguments that every request has. */
export function commonOf(given: { timeoutMs: number; requestId?: string | undefined }) {
  return { timeoutMs: given.timeoutMs, requestId: given.requestId ?? null };
}
