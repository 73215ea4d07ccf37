// Which rows of a growing column have a value: nothing at all until the first null comes.
import type { Validity } from "../rows/columns.js";

export interface GrowableValidity {
  /** One byte a row, perhaps more than there are rows; absent while every row has a value. */
  readonly bytes: Uint8Array | undefined;
  /** `valid`: of the rows appended, as in a column; "none" when all of them are null. */
  append(valid: Validity | "none" | undefined, from: number, count: number): void;
}

/** Room for at least `needed` rows, twice the present room or more. */
export function capacityFor(present: number, needed: number): number {
  return Math.max(1_024, present * 2, needed);
}

export function createValidity(): GrowableValidity {
  return new ValidityBytes();
}

class ValidityBytes implements GrowableValidity {
  bytes: Uint8Array | undefined;

  append(valid: Validity | "none" | undefined, from: number, count: number): void {
    if (valid === undefined && this.bytes === undefined) return;
    this.reserve(from + count);
    if (valid === "none") this.bytes?.fill(0, from, from + count);
    else if (valid !== undefined) this.bytes?.set(valid.subarray(0, count), from);
  }

  /** New room is filled with 1, so rows with values need no bytes written. */
  private reserve(rows: number): void {
    const present = this.bytes?.length ?? 0;
    if (rows <= present) return;
    const larger = new Uint8Array(capacityFor(present, rows)).fill(1);
    if (this.bytes !== undefined) larger.set(this.bytes);
    this.bytes = larger;
  }
}
