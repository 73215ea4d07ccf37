// Requests that read rows: search, query, count.
import { z } from "zod";
import { limitMax, nameSchema } from "../rows/schema.js";
import { common, filter, ids, limit, outputFields, view } from "./arguments.js";
import { type Refused, refused } from "./errors.js";
import { commonOf, operation } from "./operation.js";

const efDefault = 128;
const efMax = 32_768;
const vectorsMax = 16_384;
/** Of all query vectors of a search: what one reply could still carry. */
const hitsMax = 262_144;

const reading = { ...common, ...view, filter };

const search = z.strictObject({
  ...reading,
  vector: z.unknown().optional(),
  vectors: z.array(z.unknown()).min(1).max(vectorsMax).optional(),
  field: nameSchema.optional(),
  limit,
  outputFields: outputFields.default([]),
  params: z.strictObject({ ef: z.int().min(1).max(efMax).default(efDefault) }).prefault({}),
  exact: z.boolean().default(false),
});

export const searchRows = operation(search, (given, scope) => {
  const { vector, vectors = [vector], limit: perVector } = given;
  if ((given.vectors === undefined) === (vector === undefined)) {
    return refused("invalid-request", "a search takes either 'vector' or 'vectors'");
  }
  const contradiction = viewProblem(given);
  if (contradiction !== null) return contradiction;
  if (vectors.length * perVector > hitsMax) {
    const asked = `${vectors.length} vectors with a limit of ${perVector}`;
    return refused("limit-exceeded", `${asked} ask for more than ${hitsMax} hits`);
  }
  return {
    ok: true,
    call: {
      operation: "search",
      ...scope,
      ...readingOf(given),
      vectors,
      field: given.field ?? null,
      limit: perVector,
      ef: given.params.ef,
      exact: given.exact,
      outputFields: given.outputFields,
    },
  };
});

const query = z.strictObject({
  ...reading,
  ids: ids.optional(),
  limit: limit.optional(),
  offset: z
    .int()
    .min(0)
    .max(limitMax - 1)
    .default(0),
  outputFields: outputFields.optional(),
});

export const queryRows = operation(query, (given, scope) => {
  const { ids: keys, offset, limit: asked = limitMax - offset } = given;
  const problem = choiceProblem(given);
  if (problem !== null) return problem;
  if (offset + asked > limitMax) {
    const hint = "page by key: filter on keys above the last one that you got";
    return refused("limit-exceeded", `offset and limit together exceed ${limitMax}`, hint);
  }
  const contradiction = viewProblem(given);
  if (contradiction !== null) return contradiction;
  return {
    ok: true,
    call: {
      operation: "query",
      ...scope,
      ...readingOf(given),
      ids: keys ?? null,
      limit: asked,
      offset,
      outputFields: given.outputFields ?? null,
    },
  };
});

function choiceProblem(given: z.infer<typeof query>): Refused | null {
  const { ids: keys, filter: condition, limit: asked } = given;
  if (keys !== undefined && condition !== undefined) {
    return refused("invalid-request", "a query takes either 'ids' or 'filter', not both");
  }
  if (keys ?? condition ?? asked) return null;
  return refused(
    "invalid-request",
    "a query needs 'ids', 'filter' or a 'limit' for the first rows",
  );
}

const count = z.strictObject(reading);

export const countRows = operation(count, (given, scope) => {
  const contradiction = viewProblem(given);
  if (contradiction !== null) return contradiction;
  return { ok: true, call: { operation: "count", ...scope, ...readingOf(given) } };
});

type Reading = z.infer<typeof count>;

/** Two levels name an age themselves; an age beside them would have to lose. */
function viewProblem({ consistency, maxAgeMs }: Reading): Refused | null {
  if (maxAgeMs === undefined) return null;
  if (consistency !== "strong" && consistency !== "eventual") return null;
  const hint = "leave 'consistency' out, or make it 'bounded'";
  return refused("invalid-request", `'maxAgeMs' contradicts consistency '${consistency}'`, hint);
}

function readingOf(given: Reading) {
  return {
    consistency: given.consistency ?? null,
    maxAgeMs: given.maxAgeMs ?? null,
    session: given.session ?? null,
    asOf: given.asOf ?? null,
    filter: given.filter ?? null,
    ...commonOf(given),
  };
}
