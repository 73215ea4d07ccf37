// The log of one channel as a broker keeps it: sequences, append times, remembered message ids.
import type { LogEntry } from "../system/actor.js";

export interface StoredLog {
  readonly channel: string;
  /** The entries from `first` on. */
  entries: LogEntry[];
  first: number;
  last: number;
  /** What each message id became, within the duplicate window. */
  readonly ids: Map<string, { sequence: number; atMs: number }>;
  fullUntilMs: number;
  /** Told of every change of the log. */
  readonly watchers: Set<() => void>;
}

export function createStoredLog(channel: string): StoredLog {
  const nothing = { entries: [], first: 1, last: 0, fullUntilMs: 0 };
  return { channel, ...nothing, ids: new Map(), watchers: new Set() };
}

export function entryAt(log: StoredLog, sequence: number): LogEntry | null {
  return log.entries[sequence - log.first] ?? null;
}

/** A message id counts from its first sight, and is not refreshed. */
export function findDuplicate(
  log: StoredLog,
  messageId: string,
  now: { atMs: number; windowMs: number },
): number | null {
  const known = log.ids.get(messageId);
  if (known === undefined) return null;
  if (now.atMs - known.atMs <= now.windowMs) return known.sequence;
  log.ids.delete(messageId);
  return null;
}

export function appendTo(
  log: StoredLog,
  entry: Omit<LogEntry, "sequence">,
  messageId: string,
  atMs: number,
): LogEntry {
  log.last += 1;
  const stored = { ...entry, sequence: log.last };
  log.entries.push(stored);
  log.ids.set(messageId, { sequence: log.last, atMs });
  return stored;
}

export function purgeThrough(log: StoredLog, through: number): void {
  const count = Math.min(through, log.last) - log.first + 1;
  if (count <= 0) return;
  log.entries.splice(0, count);
  log.first += count;
}

/** A broker rebuilds its window from what is still in the stream: the rest is forgotten. */
export function forgetPurgedIds(log: StoredLog): void {
  for (const [id, { sequence }] of log.ids) if (sequence < log.first) log.ids.delete(id);
}

/** A crash lost the last entries: their sequences will be used again. */
export function loseTail(log: StoredLog, count: number): readonly LogEntry[] {
  const lost = log.entries.splice(Math.max(0, log.entries.length - count), count);
  log.last -= lost.length;
  for (const [id, { sequence }] of log.ids) if (sequence > log.last) log.ids.delete(id);
  return lost;
}
