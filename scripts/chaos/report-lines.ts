// A report of chaos for people: a table, and the story of each violation.
import Table from "cli-table3";
import type { ChaosReport } from "./chaos-settings.js";
import type { ColdStartReport } from "./cold-start.js";
import { violationKinds, violationLines } from "./findings.js";

export function reportLines(report: ChaosReport): readonly string[] {
  return [
    amounts(report),
    recoveries(report),
    ...report.failures.map(({ kind, code, message, atMs }) => {
      return `failed at ${atMs} ms: ${kind}: ${code}: ${message}`;
    }),
    ...report.violations.flatMap(violationLines),
    ...(report.notRecovered === null ? [] : [`did not recover ${report.notRecovered}`]),
    ...(report.refused === null ? [] : [`refused: ${report.refused}`]),
    ...(report.directory === null ? [] : [`data and logs are kept in ${report.directory}`]),
  ];
}

/** The last line of a run: figures without stories. */
export function figuresOf(report: ChaosReport) {
  const { violations, failures, ...figures } = report;
  return figures;
}

function amounts(report: ChaosReport): string {
  const table = new Table({ head: ["", "", "", ""] });
  const of = (...names: (keyof ChaosReport)[]) =>
    names.flatMap((name) => [name, String(report[name])]);
  table.push(of("kills", "faults"), of("writes", "acknowledged"), of("unknown", "reads"));
  table.push(of(...violationKinds.slice(0, 2)), of(...violationKinds.slice(2, 4)));
  table.push(of(...violationKinds.slice(4, 6)), of("failedRequests", "handOvers"));
  const { p50Ms, p99Ms } = report.recovery;
  table.push(["recovery p50, p99", `${p50Ms} ms, ${p99Ms} ms`, "seconds", String(report.seconds)]);
  const gaps = Object.entries(report.longestGapsMs).map(([kind, gapMs]) => `${kind} ${gapMs} ms`);
  table.push(["longest gaps", { content: gaps.join("\n"), colSpan: 3 }]);
  if (report.coldStart !== null) {
    table.push(["cold start", { content: coldStartText(report.coldStart), colSpan: 3 }]);
  }
  return table.toString();
}

function coldStartText(report: ColdStartReport): string {
  const { searches, exactDifferences, rows, rowDifferences, startMs } = report;
  const approximate = report.approximateDifferences ?? "not comparable";
  return [
    `${searches} searches: ${exactDifferences} exact ones differ, approximate: ${approximate}`,
    `${rows} rows: ${rowDifferences} differ; up after ${startMs} ms`,
  ].join("\n");
}

function recoveries({ recovery }: ChaosReport): string {
  const table = new Table({ head: ["fault", "times", "served: p50", "p99", "whole: p50"] });
  for (const [kind, { times, p50Ms, p99Ms, wholeP50Ms }] of Object.entries(recovery.byFault)) {
    table.push([kind, times, `${p50Ms} ms`, `${p99Ms} ms`, `${wholeP50Ms} ms`]);
  }
  return table.toString();
}
