// Which ranges of which channels a thread holds.
import type { CollectionSchema } from "../rows/schema.js";
import type { RangeView } from "../system/compute.js";
import type { SegmentHolder } from "./segment-holder.js";

export interface HeldRange {
  readonly holder: SegmentHolder;
  readonly schema: CollectionSchema;
  /** Automatic ids are made of it; null where the rows came with their keys. */
  readonly shard: number | null;
}

export interface ViewedRange extends HeldRange, Omit<RangeView, "range"> {}

/** The owner thinks that this thread holds what it does not: it has to start over. */
export class UnknownRangeError extends Error {
  override readonly name = "UnknownRangeError";

  constructor(channel: string, range: number) {
    super(`no range ${range} of channel ${channel} is held here`);
  }
}

export class HeldRanges {
  private readonly channels = new Map<string, Map<number, HeldRange>>();

  /** A range of the same number makes room. */
  open(channel: string, range: number, held: HeldRange): void {
    this.drop(channel, range);
    const ranges = this.channels.get(channel) ?? new Map<number, HeldRange>();
    this.channels.set(channel, ranges.set(range, held));
  }

  find(channel: string, range: number): HeldRange | undefined {
    return this.channels.get(channel)?.get(range);
  }

  get(channel: string, range: number): HeldRange {
    const held = this.find(channel, range);
    if (held === undefined) throw new UnknownRangeError(channel, range);
    return held;
  }

  /** The ranges that have rows, in log order. */
  view(channel: string, views: readonly RangeView[]): readonly ViewedRange[] {
    return views
      .map(({ range, ...view }) => Object.assign({}, this.get(channel, range), view))
      .filter(({ rowCount }) => rowCount > 0)
      .sort((a, b) => a.holder.birthOf(0) - b.holder.birthOf(0));
  }

  drop(channel: string, range: number): void {
    const ranges = this.channels.get(channel);
    ranges?.get(range)?.holder.drop();
    ranges?.delete(range);
    if (ranges?.size === 0) this.channels.delete(channel);
  }

  dropChannel(channel: string): void {
    for (const range of [...(this.channels.get(channel)?.keys() ?? [])]) this.drop(channel, range);
  }
}
