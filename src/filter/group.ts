// Joins terms by and/or, and turns long chains of equalities on one field into one `in`.
import type { Filter, Group, Literal, Predicate } from "./filter.js";

interface Chain {
  readonly place: number;
  readonly links: Predicate[];
}

/** Each term costs a pass over the rows, so `id == 1 or id == 2 or ...` becomes one. */
export function groupOf(kind: Group["kind"], terms: readonly Filter[]): Filter {
  const merged: Filter[] = [];
  const chains = new Map<string, Chain>();
  for (const term of terms) {
    if (!("operand" in term) || equalities(kind, term) === undefined) {
      merged.push(term);
      continue;
    }
    const key = JSON.stringify([term.operand.field, term.operand.path]);
    const chain = chains.get(key);
    if (chain === undefined) chains.set(key, { place: merged.push(term) - 1, links: [term] });
    else chain.links.push(term);
  }
  for (const { place, links } of chains.values()) merged[place] = joined(kind, links);
  const [only] = merged;
  return merged.length === 1 && only !== undefined ? only : { kind, terms: merged };
}

/** What a term says its operand is one of (under `any`) or none of (under `all`). */
function equalities(kind: Group["kind"], term: Predicate): readonly Literal[] | undefined {
  if (term.kind === "in") return term.negated === (kind === "all") ? term.values : undefined;
  if (term.kind !== "compare") return undefined;
  return term.operator === (kind === "all" ? "!=" : "==") ? [term.value] : undefined;
}

function joined(kind: Group["kind"], links: readonly Predicate[]): Filter {
  const first = links[0] as Predicate;
  if (links.length === 1) return first;
  const values = links.flatMap((link) => equalities(kind, link) ?? []);
  return { kind: "in", operand: first.operand, values, negated: kind === "all" };
}
