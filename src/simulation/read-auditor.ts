// Compares each answer with the model, at exactly the positions that its session token names.
import { parseToken } from "../contract/session-token.js";
import { fromMs } from "../log/timestamp.js";
import type { Auditor } from "./auditor.js";
import type { ModelRow, RowTest } from "./channel-model.js";
import { acknowledgedBy } from "./ledger.js";

/** What a client asked for, besides the rows of which age. */
export type ReadAsked =
  | { kind: "query"; test: RowTest | null; ids: readonly bigint[] | null; limit: number | null }
  | { kind: "count"; test: RowTest | null }
  | { kind: "search"; vector: readonly number[]; limit: number; test: RowTest | null };

export interface ReadSent {
  readonly asked: ReadAsked;
  readonly startedAtMs: number;
  /** 0 strong, null any age; undefined for a read of the past. */
  readonly maxAgeMs: number | null | undefined;
  readonly session: string | null;
  readonly asOfToken: string | null;
  readonly asOfMs: number | null;
}

/** A reader that lost the log's end hears of it with its next look, and may answer before. */
const afterLossMs = 8_000;

type Positions = ReadonlyMap<string, number>;

export function auditAnswer(auditor: Auditor, sent: ReadSent, body: Record<string, unknown>): void {
  const positions = positionsOf(String(body.session));
  if (positions === null) return auditor.fail(`the session '${String(body.session)}' is no token`);
  const { nowMs } = auditor.world;
  const isAfterLoss = [...positions.keys()].some((channel) => {
    const lostAtMs = auditor.lostAtMs.get(channel);
    return lostAtMs !== undefined && nowMs - lostAtMs < afterLossMs;
  });
  if (isAfterLoss) return;
  const wrong = agesWrong(auditor, sent, positions) ?? rowsWrong(auditor, sent, positions, body);
  if (wrong === null) return;
  const at = [...positions].map(([channel, sequence]) => `${channel}@${sequence}`).join(", ");
  auditor.fail(`${describe(sent)} at ${at}: ${wrong}`);
}

function positionsOf(token: string): Positions | null {
  const read = parseToken(token);
  return read.ok ? read.token.positions : null;
}

function describe({ asked, maxAgeMs, session, asOfToken, asOfMs }: ReadSent): string {
  const age = maxAgeMs === undefined ? "of the past" : `of age ${maxAgeMs}`;
  const extras = [
    session && "with session",
    asOfToken && "as of a token",
    asOfMs && "as of a time",
  ];
  return [asked.kind, age, ...extras.filter((extra) => extra)].join(" ");
}

function agesWrong(auditor: Auditor, sent: ReadSent, positions: Positions): string | null {
  const { maxAgeMs, startedAtMs } = sent;
  const demanded = sent.session === null ? null : positionsOf(sent.session);
  const exactly = sent.asOfToken === null ? null : positionsOf(sent.asOfToken);
  for (const [channel, position] of positions) {
    if (position > auditor.model(channel).last) return `position ${position} is beyond the log`;
    const least = demanded?.get(channel) ?? 0;
    if (position < least) return `position ${position} is before the session's ${least}`;
    const wanted = exactly?.get(channel);
    if (wanted !== undefined && position !== wanted)
      return `${position} is not the token's ${wanted}`;
    if (maxAgeMs === undefined || maxAgeMs === null) continue;
    const acknowledged = acknowledgedBy(auditor.ledger, channel, startedAtMs - maxAgeMs);
    if (position < acknowledged)
      return `${position} is before ${acknowledged}, acknowledged earlier`;
  }
  return null;
}

function rowsWrong(
  auditor: Auditor,
  { asked, asOfMs }: ReadSent,
  positions: Positions,
  body: Record<string, unknown>,
): string | null {
  const rows: ModelRow[] = [];
  for (const [channel, position] of positions) {
    const model = auditor.model(channel);
    const shown = model.rowsAt(position);
    if (asOfMs !== null) {
      const at = model.positionAt(fromMs(asOfMs + 1) - 1n);
      const difference = differenceOf(model.rowsAt(at), shown);
      if (difference !== null) return `the position of that time is ${at}: ${difference}`;
    }
    rows.push(...shown);
  }
  switch (asked.kind) {
    case "count": {
      const count = rows.filter(asked.test ?? all).length;
      return body.count === count ? null : `counted ${String(body.count)}, there are ${count}`;
    }
    case "query":
      return queryWrong(asked, rows, body);
    case "search":
      return searchWrong(asked, rows, body);
  }
}

const all: RowTest = () => true;

function differenceOf(wanted: readonly ModelRow[], shown: readonly ModelRow[]): string | null {
  const [a, b] = [wanted, shown].map((rows) =>
    rows
      .map(({ n }) => n)
      .sort((x, y) => x - y)
      .join(),
  );
  return a === b ? null : `rows ${b} where ${a} were`;
}

function queryWrong(
  { test, ids, limit }: Extract<ReadAsked, { kind: "query" }>,
  rows: readonly ModelRow[],
  body: Record<string, unknown>,
): string | null {
  const wanted = rows
    .filter((row) => (test ?? all)(row) && (ids?.includes(row.key) ?? true))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .slice(0, limit ?? rows.length)
    .map(textOf);
  const shown = (body.rows as Record<string, unknown>[]).map(textOfShown);
  return compareLists(wanted, shown);
}

function compareLists(wanted: readonly string[], shown: readonly string[]): string | null {
  if (wanted.join(" ") === shown.join(" ")) return null;
  const missing = wanted.filter((text) => !shown.includes(text));
  const extra = shown.filter((text) => !wanted.includes(text));
  return `missing ${missing.join(" ") || "none"}; too many ${extra.join(" ") || "none"}`;
}

function textOf({ key, n, g, v }: ModelRow): string {
  return `${key}:${n}/${g}/${v.join(",")}`;
}

function textOfShown(row: Record<string, unknown>): string {
  return `${row.id}:${row.n}/${row.g}/${(row.v as number[]).join(",")}`;
}

/** Among equally far rows any may be shown; nearer ones all must. */
function searchWrong(
  { vector, limit, test }: Extract<ReadAsked, { kind: "search" }>,
  rows: readonly ModelRow[],
  body: Record<string, unknown>,
): string | null {
  const distanceOf = (row: ModelRow) =>
    row.v.reduce((sum, value, place) => sum + (value - (vector[place] as number)) ** 2, 0);
  const candidates = rows.filter(test ?? all);
  const distances = candidates.map(distanceOf).sort((a, b) => a - b);
  const [hits = []] = body.results as { id: string; score: number; fields: { n: string } }[][];
  const scores = hits.map(({ score }) => score);
  const wanted = distances.slice(0, limit);
  if (scores.join() !== wanted.join()) return `scores ${scores.join()} where ${wanted.join()} are`;
  const byVersion = new Map(candidates.map((row) => [row.n, row]));
  const seen = new Set<number>();
  for (const { id, score, fields } of hits) {
    const row = byVersion.get(Number(fields.n));
    if (row === undefined || String(row.key) !== id) return `hit ${id}/${fields.n} does not live`;
    if (distanceOf(row) !== score) return `hit ${id} has the score ${score}`;
    if (seen.has(row.n)) return `hit ${id} is there twice`;
    seen.add(row.n);
  }
  return null;
}
