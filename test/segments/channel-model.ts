// A channel in miniature: its log, its manifest, flushes and compactions, for random schedules.
import { bear, createRowTable, kill, openRange } from "../../src/log/row-table.js";
import type { Key } from "../../src/rows/schema.js";
import {
  type Births,
  droppableTombstones,
  type Killer,
  keptRows,
} from "../../src/segments/compaction.js";

export type Entry =
  | { readonly kind: "rows"; readonly keys: readonly bigint[] }
  | { readonly kind: "deleted"; readonly keys: readonly bigint[]; readonly bornThrough: number };

interface Segment {
  readonly from: number;
  readonly through: number;
  readonly appliedThrough: number;
  readonly births: Births;
  readonly rowNumbers: readonly number[];
}

interface Tombstones {
  readonly through: number;
  readonly killers: readonly Killer[];
}

/** What a compaction was asked to do, from the manifest of that moment. */
interface Task {
  readonly inputs: readonly Segment[];
  readonly later: readonly Segment[];
  readonly tombstones: readonly Tombstones[];
  readonly appliedThrough: number;
}

/** Which tombstones a commit leaves out. */
export type DropRule = typeof droppableTombstones;
/** Which of the segments behind the inputs a compaction looks at. */
export type LaterRule = (segments: readonly Segment[]) => readonly Segment[];

export interface Rules {
  readonly drop: DropRule;
  readonly later: LaterRule;
}

export const soundRules: Rules = { drop: droppableTombstones, later: (segments) => segments };

export class ChannelModel {
  readonly log: Entry[] = [];
  readable = 0;
  compactions = 0;
  droppedTombstones = 0;
  private readonly rules: Rules;
  private checkpoint = 0;
  private segments: readonly Segment[] = [];
  private tombstones: readonly Tombstones[] = [];
  private task: Task | null = null;

  constructor(rules: Rules) {
    this.rules = rules;
  }

  append(entry: Entry): void {
    this.log.push(entry);
  }

  /** Writes (checkpoint, through] as a segment and its deletes as tombstones. */
  flush(through: number): void {
    const from = this.checkpoint;
    if (through <= from || through > this.log.length) return;
    const segment = segmentOf(this.log, from, through);
    const killers = killersOf(this.log, from, through);
    if (segment.births.keys.length > 0) this.segments = [...this.segments, segment];
    if (killers.length > 0) this.tombstones = [...this.tombstones, { through, killers }];
    this.checkpoint = through;
    this.dropTombstones();
  }

  moveReadable(share: number): void {
    this.readable += Math.floor((this.checkpoint - this.readable) * share);
  }

  /** Takes a task to compact `count` neighbours; it is done and committed some time later. */
  takeTask(first: number, count: number): void {
    if (this.task !== null || this.segments.length === 0) return;
    const start = first % this.segments.length;
    const inputs = this.segments.slice(start, start + count);
    const last = inputs.at(-1)?.through ?? 0;
    const behind = this.segments.filter(
      (segment) => segment.from >= last && segment.from < this.readable,
    );
    const { tombstones, readable: appliedThrough } = this;
    this.task = { inputs, later: this.rules.later(behind), tombstones, appliedThrough };
  }

  commitTask(): void {
    const task = this.task;
    this.task = null;
    if (task === null || task.inputs.some((input) => !this.segments.includes(input))) return;
    const output = compact(task);
    const at = this.segments.indexOf(task.inputs[0] as Segment);
    this.segments = [
      ...this.segments.slice(0, at),
      ...(output.births.keys.length === 0 ? [] : [output]),
      ...this.segments.slice(at + task.inputs.length),
    ];
    this.compactions += 1;
    this.dropTombstones();
  }

  /** What a reader shows at each position that it may be asked for, after a cold start. */
  visibleAfterColdLoad(): readonly string[][] {
    const table = createRowTable();
    const killers = this.tombstones.flatMap((file) => file.killers);
    killers.sort((a, b) => a.sequence - b.sequence);
    const killThrough = (sequence: number) => {
      while (killers[0] !== undefined && killers[0].sequence < sequence) {
        const { key, sequence: at, bornThrough } = killers.shift() as Killer;
        kill(table, key, at, bornThrough);
      }
    };
    const tail = segmentOf(this.log, this.checkpoint, this.log.length);
    const tailKillers = killersOf(this.log, this.checkpoint, this.log.length);
    killers.push(...tailKillers);
    for (const { births, rowNumbers, from } of [...this.segments, tail]) {
      const range = openRange(table, from, 1);
      for (const [row, key] of births.keys.entries()) {
        killThrough(births.sequences[row] as number);
        bear(table, range, key, births.sequences[row] as number, rowNumbers[row] as number);
      }
    }
    killThrough(Number.POSITIVE_INFINITY);
    return this.positions().map((at) =>
      table.ranges.flatMap(({ keys, lives, rowNumbers }) =>
        Array.from({ length: keys.count }, (_, row) => row).flatMap((row) => {
          const key = keys.at(row);
          const born = lives.born[row] as number;
          const isSeen = born <= at && (lives.died[row] as number) > at;
          return isSeen ? [nameOf(key, born, rowNumbers[row] as number)] : [];
        }),
      ),
    );
  }

  /** The same by the rules alone, from the whole log. */
  visibleByLog(): readonly string[][] {
    const all = segmentOf(this.log, 0, this.log.length);
    const killers = killersOf(this.log, 0, this.log.length);
    const { keys, sequences } = all.births;
    return this.positions().map((at) =>
      keys.flatMap((key, row) => {
        const born = sequences[row] as number;
        const isReplaced = keys.some(
          (other, later) => later > row && other === key && (sequences[later] as number) <= at,
        );
        const isKilled = killers.some(
          (killer) =>
            killer.key === key &&
            killer.sequence <= at &&
            killer.sequence > born &&
            killer.bornThrough >= born,
        );
        const isSeen = born <= at && !isReplaced && !isKilled;
        return isSeen ? [nameOf(key, born, all.rowNumbers[row] as number)] : [];
      }),
    );
  }

  private positions(): number[] {
    const count = this.log.length - this.readable + 1;
    return Array.from({ length: count }, (_, place) => this.readable + place);
  }

  private dropTombstones(): void {
    const gone = new Set(this.rules.drop(this.segments, this.tombstones));
    this.tombstones = this.tombstones.filter((file) => !gone.has(file));
    this.droppedTombstones += gone.size;
  }
}

function nameOf(key: Key, born: number, row: number): string {
  return `${key} of ${born}.${row}`;
}

function segmentOf(log: readonly Entry[], from: number, through: number): Segment {
  const keys: bigint[] = [];
  const sequences: number[] = [];
  const rowNumbers: number[] = [];
  for (let sequence = from + 1; sequence <= through; sequence += 1) {
    const entry = log[sequence - 1];
    if (entry?.kind !== "rows") continue;
    entry.keys.forEach((key, row) => {
      keys.push(key);
      sequences.push(sequence);
      rowNumbers.push(row);
    });
  }
  const births = { keys, sequences: Float64Array.from(sequences) };
  return { from, through, appliedThrough: 0, births, rowNumbers };
}

function killersOf(log: readonly Entry[], from: number, through: number): Killer[] {
  return log.slice(from, through).flatMap((entry, place) => {
    if (entry.kind !== "deleted") return [];
    const sequence = from + place + 1;
    const bornThrough = Math.min(entry.bornThrough, sequence);
    return entry.keys.map((key) => ({ key, sequence, bornThrough }));
  });
}

function compact({ inputs, later, tombstones, appliedThrough }: Task): Segment {
  const rows = {
    inputs: inputs.map((input) => input.births),
    later: later.map((segment) => segment.births),
    tombstones: tombstones.flatMap((file) => file.killers).reverse(),
  };
  const { sources, positions } = keptRows(rows, appliedThrough);
  const kept = Array.from(sources, (source, row) => {
    const input = inputs[source] as Segment;
    const position = positions[row] as number;
    return {
      key: input.births.keys[position] as bigint,
      sequence: input.births.sequences[position] as number,
      rowNumber: input.rowNumbers[position] as number,
    };
  });
  return {
    from: inputs[0]?.from ?? 0,
    through: inputs.at(-1)?.through ?? 0,
    appliedThrough,
    births: {
      keys: kept.map(({ key }) => key),
      sequences: Float64Array.from(kept, ({ sequence }) => sequence),
    },
    rowNumbers: kept.map(({ rowNumber }) => rowNumber),
  };
}
