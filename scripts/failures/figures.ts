// Turns what a scenario has measured into figures and findings.
import { percentile } from "../quickstart/measuring.js";
import type { Audit } from "./ledger.js";
import { type RequestKind, requestKinds, type Sample } from "./load.js";
import { type Allowed, type Finding, noMoreThan } from "./scenario.js";

export interface KindFigures {
  readonly kind: RequestKind;
  readonly answered: number;
  readonly failed: number;
  readonly slowestMs: number;
}

export interface Figures {
  readonly requests: number;
  readonly byKind: readonly KindFigures[];
  /** Each error and how often it came. */
  readonly errors: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the same load before the failure: what the machine is good for. */
  readonly slowestBeforeMs: number;
  readonly failedBefore: number;
  /** Whether it answered all of them soon; else no time since says anything of the failure. */
  readonly wasCalm: boolean;
  readonly recoveryMs: number;
}

/** An answer that took longer than this shows the failure, or a machine that has no time. */
const slowMs = 250;

/** When what happened, by one clock. */
export interface Times {
  /** The load alone, all caches warm, and nothing else going on. */
  readonly calm: readonly [fromMs: number, toMs: number];
  readonly struckAtMs: number;
  readonly repairedAtMs: number;
}

export function figuresOf(
  samples: readonly Sample[],
  { calm: [calmFromMs, calmToMs], struckAtMs, repairedAtMs }: Times,
): Figures {
  const endOf = ({ dueAtMs, tookMs }: Sample) => dueAtMs + tookMs;
  const before = samples.filter((sample) => endOf(sample) < struckAtMs);
  const calm = before.filter(({ dueAtMs }) => dueAtMs >= calmFromMs && dueAtMs < calmToMs);
  const since = samples.filter((sample) => endOf(sample) >= struckAtMs);
  const disturbed = since.filter(
    ({ dueAtMs, error, tookMs }) => dueAtMs < repairedAtMs && (error !== null || tookMs > slowMs),
  );
  const errors: Record<string, number> = {};
  for (const { kind, error } of since) {
    if (error !== null) errors[`${kind}: ${error}`] = (errors[`${kind}: ${error}`] ?? 0) + 1;
  }
  const times = since.map(({ tookMs }) => tookMs);
  const failedBefore = before.filter(({ error }) => error !== null).length;
  const slowestBeforeMs = slowest(calm);
  return {
    ...{ slowestBeforeMs, failedBefore },
    wasCalm: failedBefore === 0 && slowestBeforeMs <= slowMs,
    requests: since.length,
    byKind: requestKinds.map((kind) => figuresOfKind(kind, since)),
    errors,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    recoveryMs: Math.max(0, ...disturbed.map((sample) => endOf(sample) - struckAtMs)),
  };
}

function figuresOfKind(kind: RequestKind, samples: readonly Sample[]): KindFigures {
  const own = samples.filter((sample) => sample.kind === kind);
  const answered = own.filter(({ error }) => error === null);
  const failed = own.length - answered.length;
  return { kind, answered: answered.length, failed, slowestMs: slowest(answered) };
}

const slowest = (samples: readonly Sample[]) => Math.max(0, ...samples.map(({ tookMs }) => tookMs));

export type Verdict = "met" | "unmet" | "not measurable";

export function verdictOf({ met, isTime }: Finding, { wasCalm }: Figures): Verdict {
  if (isTime === true && !wasCalm) return "not measurable";
  return met ? "met" : "unmet";
}

/** What is unmet on any machine outweighs what could not be measured on this one. */
export function verdictOfAll(findings: readonly Finding[], figures: Figures): Verdict {
  const verdicts = findings.map((finding) => verdictOf(finding, figures));
  if (verdicts.includes("unmet")) return "unmet";
  return verdicts.includes("not measurable") ? "not measurable" : "met";
}

export function findingsOf(figures: Figures, audit: Audit, allowed: Allowed): readonly Finding[] {
  const kinds = figures.byKind.filter(({ kind }) => allowed.failedOf?.includes(kind) ?? true);
  const failed = kinds.reduce((sum, kind) => sum + kind.failed, 0);
  const slowestMs = Math.max(...figures.byKind.map((kind) => kind.slowestMs));
  const damage = audit.lost + audit.doubled + audit.resurrected + audit.unknown;
  return [
    {
      what: `failed ${allowed.failedOf?.join(", ") ?? "requests"}`,
      value: String(failed),
      allowed: `<= ${allowed.failed}`,
      met: failed <= allowed.failed,
    },
    ...(allowed.slowestMs === undefined
      ? []
      : [noMoreThan("slowest answer", slowestMs, allowed.slowestMs)]),
    ...(allowed.recoveryMs === undefined
      ? []
      : [noMoreThan("service back after", figures.recoveryMs, allowed.recoveryMs)]),
    {
      what: "lost, doubled, resurrected, unknown rows",
      value: `${audit.lost}, ${audit.doubled}, ${audit.resurrected}, ${audit.unknown}`,
      allowed: "0",
      met: damage === 0,
    },
  ];
}
