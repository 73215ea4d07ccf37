// Evaluates a filter over the columns of many rows, one column at a time.
import type { ScalarColumn } from "../rows/columns.js";
import type { Outcome } from "./compare.js";
import type { Filter, Group, Predicate } from "./filter.js";
import { testJson } from "./json.js";
import { testPlain } from "./plain.js";

type Columns = ReadonlyMap<string, ScalarColumn>;

/**
 * One byte for each of the first `count` rows: 1 where the filter is true, 0 where it is false or,
 * because of a null, unknown. The columns may be longer. Throws when they lack one that
 * `fieldsOf(filter)` names, or have it in another type than the filter was checked against.
 */
export function evaluateFilter(filter: Filter, columns: Columns, count: number): Uint8Array {
  const outcome = new Uint8Array(count);
  evaluateInto(filter, columns, outcome, []);
  return outcome;
}

/** `spare` holds an outcome for each level of groups: thousands of terms take turns in it. */
function evaluateInto(
  filter: Filter,
  columns: Columns,
  outcome: Outcome,
  spare: Outcome[],
  level = 0,
): void {
  if ("operand" in filter) evaluatePredicate(filter, columns, outcome);
  else evaluateGroup(filter, columns, outcome, spare, level);
}

function evaluateGroup(
  { kind, terms }: Group,
  columns: Columns,
  outcome: Outcome,
  spare: Outcome[],
  level: number,
): void {
  const undecided = kind === "all" ? 1 : 0;
  outcome.fill(undecided);
  for (const term of terms) {
    if (!outcome.includes(undecided)) return;
    spare[level] ??= new Uint8Array(outcome.length);
    const next = spare[level] as Outcome;
    evaluateInto(term, columns, next, spare, level + 1);
    if (kind === "all") intersect(outcome, next);
    else unite(outcome, next);
  }
}

function intersect(outcome: Outcome, other: Outcome): void {
  for (let row = 0; row < outcome.length; row += 1) {
    outcome[row] = (outcome[row] as number) & (other[row] as number);
  }
}

function unite(outcome: Outcome, other: Outcome): void {
  for (let row = 0; row < outcome.length; row += 1) {
    outcome[row] = (outcome[row] as number) | (other[row] as number);
  }
}

function evaluatePredicate(predicate: Predicate, columns: Columns, outcome: Outcome): void {
  const { field } = predicate.operand;
  const column = columns.get(field);
  if (column === undefined) throw new Error(`a filter on '${field}' without that column`);
  if (column.values.length < outcome.length) {
    throw new Error(`the column '${field}' has fewer than ${outcome.length} rows`);
  }
  if (column.type === "JSON") testJson(predicate, column, outcome);
  else testPlain(predicate, column, outcome);
}
