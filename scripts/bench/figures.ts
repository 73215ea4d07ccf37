// A measured figure, what it should be, and how figures are shown and kept.
import { cpus, totalmem } from "node:os";
import { percentile } from "../quickstart/measuring.js";

export interface Figure {
  readonly id: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** As `>= 1.2`; null for what only explains another figure. */
  readonly target: string | null;
  readonly met: boolean | null;
  /** Smallest and largest of the repetitions; null when there was one. */
  readonly smallest: number | null;
  readonly largest: number | null;
}

type Bound = readonly [">=" | "<=" | ">" | "==", number];

export interface Given {
  readonly id: string;
  readonly what: string;
  /** The median counts. */
  readonly values: readonly number[];
  readonly unit: string;
  readonly target?: Bound;
}

export function figure({ id, what, values, unit, target }: Given): Figure {
  const value = percentile(values, 0.5);
  const isRepeated = values.length > 1;
  return {
    ...{ id, what, value: round(value), unit },
    target: target === undefined ? null : target.join(" "),
    met: target === undefined ? null : isMet(value, target),
    smallest: isRepeated ? round(Math.min(...values)) : null,
    largest: isRepeated ? round(Math.max(...values)) : null,
  };
}

function isMet(value: number, [comparison, bound]: Bound): boolean {
  switch (comparison) {
    case ">=":
      return value >= bound;
    case "<=":
      return value <= bound;
    case ">":
      return value > bound;
    case "==":
      return value === bound;
  }
}

/** Four digits are more than the spread leaves certain. */
function round(value: number): number {
  if (!Number.isFinite(value) || Math.abs(value) >= 1_000) return Math.round(value);
  return Number(value.toPrecision(4));
}

export function markdownTable(figures: readonly Figure[]): string {
  const lines = figures.map(({ what, value, unit, target, met, smallest, largest }) => {
    const spread = smallest === null ? "" : ` (${smallest} to ${largest})`;
    const shown = `${value.toLocaleString("en")}${unit === "" ? "" : ` ${unit}`}${spread}`;
    return `| ${what} | ${shown} | ${target ?? ""} | ${met === null ? "" : met ? "yes" : "no"} |`;
  });
  return ["| Figure | Value | Target | Met |", "|---|---|---|---|", ...lines].join("\n");
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly node: string;
}

export function machine(): Machine {
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
  };
}
