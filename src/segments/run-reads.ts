// Runs the searches and scans that a thread is asked for over the ranges that it holds.
import { evaluateFilter } from "../filter/evaluate.js";
import type { Filter } from "../filter/filter.js";
import { parseFilter } from "../filter/parse.js";
import { type CollectionSchema, primaryKeyOf } from "../rows/schema.js";
import type { ComputeJob, ComputeResult } from "../system/compute.js";
import type { HeldRanges, ViewedRange } from "./held-ranges.js";
import { keyColumnOf, markKeys } from "./key-columns.js";
import { resolveOutputFields } from "./output-fields.js";
import { narrow } from "./row-selection.js";
import { type ScanPart, scanRanges } from "./scan-ranges.js";
import { type ReadTarget, type SearchPart, searchRanges } from "./search-ranges.js";

export type SearchJob = Extract<ComputeJob, { kind: "search" }>;
export type ScanJob = Extract<ComputeJob, { kind: "scan" }>;
export type Invalid = Extract<ComputeResult, { kind: "invalid" }>;

export async function runSearch(held: HeldRanges, job: SearchJob): Promise<SearchPart | Invalid> {
  const ranges = held.view(job.channel, job.views);
  const queries = queriesOf(job);
  if ("kind" in queries) return queries;
  const [first] = ranges;
  if (first === undefined) return nothingFound(job.count);
  const plan = planRead(first.schema, job);
  if ("kind" in plan) return plan;
  const wrong = ranges.map((range) => misfit(range, job)).find((message) => message !== null);
  if (wrong !== undefined) return invalid(wrong as string);
  const { field, limit, ef, exact } = job;
  const targets = ranges
    .map((range) => targetOf(range, job.at, plan.filter, null))
    .map(({ holder, selection }) => ({ holder, selection: holder.withVector(selection, field) }))
    .filter(({ selection }) => selection.selected > 0);
  const { outputFields } = plan;
  return searchRanges(targets, { field, queries, limit, ef, exact, outputFields });
}

export function runScan(held: HeldRanges, job: ScanJob): ScanPart | Invalid {
  const ranges = held.view(job.channel, job.views);
  const [first] = ranges;
  if (first === undefined) return { count: 0, rows: null };
  const plan = planRead(first.schema, job);
  if ("kind" in plan) return plan;
  const ids = job.ids === null ? null : { keys: job.ids, field: plan.keyField };
  const targets = ranges
    .map((range) => targetOf(range, job.at, plan.filter, ids))
    .filter(({ selection }) => selection.selected > 0);
  const { keyField, outputFields } = plan;
  return scanRanges(targets, { keyField, limit: job.limit, mode: job.mode, outputFields });
}

function invalid(message: string): Invalid {
  return { kind: "invalid", message };
}

export function nothingFound(queries: number): SearchPart {
  const none = new Float64Array();
  return { counts: new Array<number>(queries).fill(0), distances: none, births: none, rows: null };
}

interface ReadPlan {
  readonly filter: Filter | null;
  readonly keyField: string;
  readonly outputFields: readonly string[];
}

function planRead(schema: CollectionSchema, job: SearchJob | ScanJob): ReadPlan | Invalid {
  const output = resolveOutputFields(schema, job.outputFields);
  if (!output.ok) return invalid(output.message);
  const keyField = primaryKeyOf(schema).name;
  if (job.filter === null) return { filter: null, keyField, outputFields: output.fields };
  const parsed = parseFilter(job.filter, schema);
  if (!parsed.ok) return invalid(parsed.message);
  return { filter: parsed.filter, keyField, outputFields: output.fields };
}

/** Float32 values of `count` vectors; the bytes may lie anywhere in their buffer. */
function queriesOf({ vectors, count, dimension }: SearchJob): readonly Float32Array[] | Invalid {
  if (vectors.byteLength !== count * dimension * 4) {
    return invalid(`${vectors.byteLength} bytes are not ${count} vectors of ${dimension} values`);
  }
  const values = new Float32Array(new Uint8Array(vectors).buffer);
  return Array.from({ length: count }, (_, query) =>
    values.subarray(query * dimension, (query + 1) * dimension),
  );
}

function misfit({ holder }: ViewedRange, { field, dimension, metric }: SearchJob): string | null {
  const vectors = holder.columns.vectors(field);
  if (vectors === undefined) return `'${field}' is no vector field`;
  if (vectors.dimension !== dimension) {
    return `'${field}' has ${vectors.dimension} dimensions, not ${dimension}`;
  }
  return vectors.metric === metric ? null : `'${field}' has the metric ${vectors.metric}`;
}

function targetOf(
  { holder, ...view }: ViewedRange,
  at: number,
  filter: Filter | null,
  ids: { readonly keys: Parameters<typeof markKeys>[2]; readonly field: string } | null,
): ReadTarget {
  let selection = holder.living(view, at);
  const { scalars } = holder.columns;
  const { count } = selection;
  if (ids !== null) {
    selection = narrow(selection, markKeys(keyColumnOf(scalars, ids.field), count, ids.keys));
  }
  if (filter !== null && selection.selected > 0) {
    selection = narrow(selection, evaluateFilter(filter, scalars, count));
  }
  return { holder, selection };
}
