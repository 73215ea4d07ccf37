// Shows the results of the failure scenarios as a table, one line for each comparison.
import Table from "cli-table3";
import { type Verdict, verdictOf } from "./figures.js";
import type { RowResult } from "./run-scenario.js";

export function tableOf(results: readonly RowResult[]): string {
  const table = new Table({ head: ["fails", "what", "measured", "allowed", "met"] });
  for (const { title, findings, figures } of results) {
    for (const [at, finding] of findings.entries()) {
      const { what, value, allowed } = finding;
      table.push([at === 0 ? title : "", what, value, allowed, shown[verdictOf(finding, figures)]]);
    }
    const slowest = figures.byKind.map(({ kind, slowestMs }) => `${kind} ${rounded(slowestMs)}`);
    table.push(["", "slowest answers, ms", slowest.join(", "), "", ""]);
    const { requests, p50Ms, p99Ms, slowestBeforeMs, recoveryMs, wasCalm } = figures;
    const rest = `${requests} requests, p50 ${rounded(p50Ms)} ms, p99 ${rounded(p99Ms)} ms`;
    table.push(["", "since the failure", rest, "", ""]);
    const around = `slowest ${rounded(slowestBeforeMs)} ms`;
    const calm = wasCalm ? "" : "the machine was busy: times say nothing";
    table.push(["", "before it", around, calm, ""]);
    table.push(["", "calm again after", `${rounded(recoveryMs)} ms`, "", ""]);
    for (const [error, count] of Object.entries(figures.errors)) {
      table.push(["", "error", `${count} x ${error.slice(0, 100)}`, "", ""]);
    }
  }
  return table.toString();
}

const shown: Readonly<Record<Verdict, string>> = {
  met: "yes",
  unmet: "NO",
  "not measurable": "not measurable",
};

const rounded = (ms: number) => ms.toFixed(0);
