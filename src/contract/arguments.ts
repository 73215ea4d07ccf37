// The arguments that several requests share, each with its bounds.
import { z } from "zod";
import { consistencyLevels } from "../messages/records.js";
import { isReservedName } from "../rows/json-value.js";
import { limitMax } from "../rows/schema.js";
import type { ErrorCode } from "./errors.js";
import { parseToken, type SessionToken } from "./session-token.js";

const timeoutMsDefault = 30_000;
export const timeoutMsMax = 600_000;
const filterBytesMax = 64 * 1024;
const outputFieldsMax = 1_024;
const outputFieldLengthMax = 1_024;
const partMax = 1_000_000;
const maxAgeMsMax = 86_400_000;
/** What the milliseconds of a hybrid timestamp can count, to the year 4199. */
const epochMsMax = 2 ** 46 - 1;

export const common = {
  timeoutMs: z.number().min(1).max(timeoutMsMax).default(timeoutMsDefault),
  requestId: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, "1 to 64 of A-Z a-z 0-9 _ -")
    .optional(),
};

/** Numbers the requests that one batch was split into. */
export const part = z.int().min(0).max(partMax).optional();

export const limit = z.int().min(1).max(limitMax);

/** `code` becomes the code of the error; without it that is 'invalid-request'. */
export function coded(code: ErrorCode, message: string) {
  return { message, params: { code } };
}

export const filter = z
  .string()
  .refine((text) => text.trim() !== "", coded("invalid-filter", "the filter is empty"))
  .refine(
    (text) => text.length <= filterBytesMax && Buffer.byteLength(text) <= filterBytesMax,
    coded("invalid-filter", `a filter may be ${filterBytesMax} bytes long`),
  )
  .optional();

/** Looked at one by one when the type of the key is known. */
export const ids = z.array(z.unknown()).min(1).max(limitMax);

export const outputFields = z
  .array(
    z
      .string()
      .min(1)
      .max(outputFieldLengthMax)
      .refine((name) => !isReservedName(name), coded("reserved-name", "this name is reserved")),
  )
  .max(outputFieldsMax);

const session = z.string().transform((text, context): SessionToken => {
  const read = parseToken(text);
  if (read.ok) return read.token;
  context.addIssue({ code: "custom", ...coded("invalid-session", read.error.message) });
  return z.NEVER;
});

/** A moment in ms since 1970, or the positions that a token names. */
export type AsOf =
  | { readonly kind: "time"; readonly epochMs: number }
  | { readonly kind: "session"; readonly token: SessionToken };

const instant = z.iso.datetime({ offset: true });

const asOf = z.union([z.number(), z.string()]).transform((value, context): AsOf => {
  const isTime = typeof value === "number" || instant.safeParse(value).success;
  if (isTime) {
    const epochMs = typeof value === "number" ? Math.floor(value) : Date.parse(value);
    if (epochMs >= 0 && epochMs <= epochMsMax) return { kind: "time", epochMs };
    context.addIssue({ code: "custom", message: "not a time between 1970 and 4199" });
    return z.NEVER;
  }
  const read = parseToken(value);
  if (read.ok) return { kind: "session", token: read.token };
  const forms = "neither an RFC 3339 time with its zone nor a session token";
  context.addIssue({ code: "custom", ...coded("invalid-session", forms) });
  return z.NEVER;
});

/** What every read may say of the rows that it sees. */
export const view = {
  consistency: z.enum(consistencyLevels).optional(),
  maxAgeMs: z.number().min(0).max(maxAgeMsMax).optional(),
  session: session.optional(),
  asOf: asOf.optional(),
};
