// Which rows of a range a read sees: those alive at its position, narrowed by what it asks for.
import type { RowLives } from "../system/compute.js";

/** Of the first `count` rows. Nobody changes it: reads may share one. */
export interface RowSelection {
  readonly count: number;
  /** One byte a row, 1 where it is selected; absent when all are. */
  readonly flags: Uint8Array | undefined;
  readonly selected: number;
}

/** `latest`: when the last of these rows died, also of those that the read still sees. */
function lookAtEach({ died }: RowLives, count: number, at: number) {
  let flags: Uint8Array | undefined;
  let selected = count;
  let latest = 0;
  for (let row = 0; row < count; row += 1) {
    const sequence = died[row] as number;
    if (sequence === Number.POSITIVE_INFINITY) continue;
    if (sequence > latest) latest = sequence;
    if (sequence > at) continue;
    flags ??= new Uint8Array(count).fill(1);
    flags[row] = 0;
    selected -= 1;
  }
  return { selection: { count, flags, selected }, latest };
}

/** A selection that holds for every read at `from` or later, as long as nobody else dies. */
interface Remembered {
  readonly lives: RowLives;
  readonly dead: number;
  readonly from: number;
  readonly selection: RowSelection;
}

/** Remembers which rows live from read to read: looking at each costs as much as a search. */
export class LivingRows {
  #remembered: Remembered | null = null;

  /**
   * The rows among the first `rowCount` that were born at or before `at` and did not die by then.
   * Births ascend, as rows lie in log order, so the unborn are a tail. Deaths that are written
   * meanwhile lie behind `at` and change nothing. `dead`: how many of all rows had died when the
   * read was sent; left out: nothing is remembered.
   */
  select(
    lives: RowLives,
    { rowCount, dead }: { readonly rowCount: number; readonly dead?: number | undefined },
    at: number,
  ): RowSelection {
    const count = bornThrough(lives.born, rowCount, at);
    if (dead === 0) return { count, flags: undefined, selected: count };
    const known = this.#remembered;
    const isKnown = known !== null && known.lives === lives && known.dead === dead;
    if (isKnown && known.selection.count === count && at >= known.from) return known.selection;
    const { selection, latest } = lookAtEach(lives, count, at);
    // Later deaths, which may be written while this looks, are behind `at`.
    const isLasting = dead !== undefined && latest <= at;
    this.#remembered = isLasting ? { lives, dead, from: latest, selection } : null;
    return selection;
  }
}

function bornThrough(born: Float64Array, rowCount: number, at: number): number {
  let low = 0;
  let high = rowCount;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((born[middle] as number) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Leaves only the rows whose byte in `marks` is not 0. */
export function narrow(selection: RowSelection, marks: Uint8Array | undefined): RowSelection {
  if (marks === undefined) return selection;
  const { count } = selection;
  const flags = selection.flags?.slice() ?? new Uint8Array(count).fill(1);
  let selected = 0;
  for (let row = 0; row < count; row += 1) {
    if (marks[row] === 0) flags[row] = 0;
    else selected += flags[row] as number;
  }
  return { count, flags, selected };
}

/** The offsets of the selected rows, ascending. */
export function offsetsOf({ count, flags, selected }: RowSelection): Uint32Array {
  const offsets = new Uint32Array(selected);
  let next = 0;
  for (let row = 0; row < count; row += 1) {
    if (flags === undefined || flags[row] !== 0) offsets[next++] = row;
  }
  return offsets;
}
