// What happened in a run, a line a delivery, and the hash by which two runs are compared.
import { createHash } from "node:crypto";

export interface Trace {
  line(text: string): void;
  /** Of all lines so far; the trace goes on. */
  hash(): string;
  readonly count: number;
  /** The lines, where the run was asked to keep them. */
  readonly lines: readonly string[];
}

export function createTrace(keep: boolean): Trace {
  const hash = createHash("sha256");
  const lines: string[] = [];
  let count = 0;
  return {
    line(text) {
      count += 1;
      hash.update(text).update("\n");
      if (keep) lines.push(text);
    },
    hash: () => hash.copy().digest("hex").slice(0, 16),
    get count() {
      return count;
    },
    lines,
  };
}
