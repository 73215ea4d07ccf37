// What the groups of a benchmark share: how large it is, and what each of them hands back.
import type { Figure } from "./figures.js";
import type { Plot } from "./plots.js";

export interface Run {
  /** Fewer rows and shorter measurements: the whole in ten minutes on two cores. */
  readonly quick: boolean;
  /** Where profiles of all processes go; null without them. */
  readonly profilesIn: string | null;
}

export interface GroupResult {
  readonly figures: readonly Figure[];
  readonly plots?: readonly Plot[];
  /** Which part of the profiles is the measurement, in microseconds of the machine's clock. */
  readonly windows?: readonly ProfileWindow[];
}

/** Of the clock that profiles are stamped with. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

export interface ProfileWindow {
  readonly name: string;
  readonly windowUs: readonly [number, number];
  /** What each process is; a process that is not named here is the client. */
  readonly hosts: readonly {
    readonly pid: number | undefined;
    readonly roles: readonly string[];
  }[];
}

export type Group = (run: Run) => Promise<GroupResult>;

export function say(text: string): void {
  console.error(`bench: ${text}`);
}
