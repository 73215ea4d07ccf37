// Requests that write rows: insert, upsert, delete; and flush.
import { z } from "zod";
import { common, filter, ids, part } from "./arguments.js";
import { refused } from "./errors.js";
import { type CallRead, commonOf, operation } from "./operation.js";

const rows = z.strictObject({ ...common, part, rows: z.array(z.unknown()) });

function writingRows(kind: "insert" | "upsert") {
  return operation(rows, (given, scope) => {
    const misnumbered = partWithoutRequest(given);
    if (misnumbered !== null) return misnumbered;
    const numbered = { part: given.part ?? 0, ...commonOf(given) };
    return { ok: true, call: { operation: kind, ...scope, ...numbered, rows: given.rows } };
  });
}

export const insert = writingRows("insert");
export const upsert = writingRows("upsert");

const deletion = z.strictObject({ ...common, part, ids: ids.optional(), filter });

/** Named so because `delete` is a word of the language. */
export const deleteRows = operation(deletion, (given, scope) => {
  const misnumbered = partWithoutRequest(given);
  if (misnumbered !== null) return misnumbered;
  if ((given.ids === undefined) === (given.filter === undefined)) {
    return refused("invalid-request", "a delete takes either 'ids' or 'filter'");
  }
  const chosen = { ids: given.ids ?? null, filter: given.filter ?? null };
  const numbered = { part: given.part ?? 0, ...commonOf(given) };
  return { ok: true, call: { operation: "delete", ...scope, ...numbered, ...chosen } };
});

export const flush = operation(z.strictObject(common), (given, scope) => ({
  ok: true,
  call: { operation: "flush", ...scope, ...commonOf(given) },
}));

/** A retry could not be told from another part: each attempt would get an id of its own. */
function partWithoutRequest(given: {
  part?: number | undefined;
  requestId?: string | undefined;
}): Extract<CallRead, { ok: false }> | null {
  if (given.part === undefined || given.requestId !== undefined) return null;
  return refused("invalid-request", "'part' needs the 'requestId' that the parts share");
}
