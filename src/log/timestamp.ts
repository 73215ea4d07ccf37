// Hybrid timestamps: milliseconds since 1970 and a logical counter in one number that sorts.

/** `(milliseconds << 18n) | logical`: 46 bits of time, 18 bits of counter. */
export type Timestamp = bigint;

export const logicalBits = 18n;
export const logicalMax = (1 << Number(logicalBits)) - 1;

export function hybrid(ms: number, logical: number): Timestamp {
  if (!Number.isInteger(logical) || logical < 0 || logical > logicalMax) {
    throw new Error(`${logical} is no logical counter`);
  }
  return fromMs(ms) | BigInt(logical);
}

/** The first timestamp of a millisecond; a time before 1970 counts as 1970. */
export function fromMs(ms: number): Timestamp {
  return BigInt(Math.max(0, Math.floor(ms))) << logicalBits;
}

export function toMs(timestamp: Timestamp): number {
  return Number(timestamp >> logicalBits);
}

/** Its time as RFC 3339, for people; a time that a date cannot hold as milliseconds. */
export function toIso(timestamp: Timestamp): string {
  const date = new Date(toMs(timestamp));
  return Number.isNaN(date.getTime()) ? `${toMs(timestamp)} ms` : date.toISOString();
}

export function logicalOf(timestamp: Timestamp): number {
  return Number(timestamp & BigInt(logicalMax));
}

/** The one after it; a full counter carries into the next millisecond. */
export function next(timestamp: Timestamp): Timestamp {
  return timestamp + 1n;
}

/** The nearest timestamp within `toleranceMs` of the time at which the broker kept the entry. */
export function clampTo(stamp: Timestamp, appendedMs: number, toleranceMs: number): Timestamp {
  const earliest = fromMs(appendedMs - toleranceMs);
  const latest = fromMs(appendedMs + toleranceMs);
  if (stamp < earliest) return earliest;
  return stamp > latest ? latest : stamp;
}
