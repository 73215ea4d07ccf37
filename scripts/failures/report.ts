// Shows the results of the failure scenarios as a table, one line for each comparison.
import Table from "cli-table3";
import type { RowResult } from "./run-scenario.js";

export function tableOf(results: readonly RowResult[]): string {
  const table = new Table({ head: ["fails", "what", "measured", "allowed", "met"] });
  for (const { title, findings, figures } of results) {
    for (const [at, { what, value, allowed, met }] of findings.entries()) {
      table.push([at === 0 ? title : "", what, value, allowed, met ? "yes" : "NO"]);
    }
    const slowest = figures.byKind.map(({ kind, slowestMs }) => `${kind} ${rounded(slowestMs)}`);
    table.push(["", "slowest answers, ms", slowest.join(", "), "", ""]);
    const { requests, p50Ms, p99Ms, slowestBeforeMs, recoveryMs } = figures;
    const rest = `${requests} requests, p50 ${rounded(p50Ms)} ms, p99 ${rounded(p99Ms)} ms`;
    table.push(["", "since the failure", rest, "", ""]);
    const around = `slowest ${rounded(slowestBeforeMs)} ms`;
    table.push(["", "before it", around, "", ""]);
    table.push(["", "calm again after", `${rounded(recoveryMs)} ms`, "", ""]);
    for (const [error, count] of Object.entries(figures.errors)) {
      table.push(["", "error", `${count} x ${error.slice(0, 100)}`, "", ""]);
    }
  }
  return table.toString();
}

const rounded = (ms: number) => ms.toFixed(0);
