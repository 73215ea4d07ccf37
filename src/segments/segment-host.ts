// Executes compute jobs over the ranges that one thread holds.
import { batchMisfit } from "../rows/batch-fits.js";
import { viewRowBatch } from "../rows/row-batch-codec.js";
import type { ObjectStore } from "../storage/object-store.js";
import type { ComputeJob, ComputeResult } from "../system/compute.js";
import { withKeys } from "./auto-keys.js";
import { type HeldRange, HeldRanges, UnknownRangeError } from "./held-ranges.js";
import type { IndexEngine } from "./index-engine.js";
import { attachIndex, type LoadJob, loadRange } from "./load-range.js";
import { type ReadPart, scannedResult, searchedResult } from "./merge-parts.js";
import { runScan, runSearch, type ScanJob, type SearchJob } from "./run-reads.js";
import { SegmentHolder } from "./segment-holder.js";
import { buildIndex, compactSegments, encodeEntries } from "./write-segments.js";

export interface SegmentHostParts {
  readonly objects: ObjectStore;
  readonly engine: IndexEngine;
}

export interface SegmentHost {
  /**
   * Jobs that change ranges take effect at once, in the order of the calls; loads when their object
   * has come. Rejects where the owner is out of step with this host, such as with an unknown range
   * or an entry that does not fit behind the one before it: the owner has to start over.
   */
  run(job: ComputeJob): Promise<ComputeResult>;
  /** A read of which other hosts do the rest. */
  runPart(job: SearchJob | ScanJob): Promise<ReadPart>;
}

export function createSegmentHost(parts: SegmentHostParts): SegmentHost {
  const thread = new ThreadRanges(parts);
  return {
    run: (job) => thread.run(job),
    runPart: async (job) =>
      job.kind === "search" ? runSearch(thread.held, job) : runScan(thread.held, job),
  };
}

class ThreadRanges {
  readonly held = new HeldRanges();
  private readonly parts: SegmentHostParts;
  /** The load in flight for each range: a later one, or a drop, makes it void. */
  private readonly loads = new Map<string, LoadJob>();

  constructor(parts: SegmentHostParts) {
    this.parts = parts;
  }

  async run(job: ComputeJob): Promise<ComputeResult> {
    const { objects, engine } = this.parts;
    switch (job.kind) {
      case "openRange":
      case "appendRows":
      case "splitRange":
      case "bindLives":
      case "dropRange":
      case "dropChannel":
        this.change(job);
        return { kind: "done" };
      case "loadSegment":
        return this.load(job);
      case "attachIndex": {
        const { holder } = this.held.get(job.channel, job.range);
        const isHeld = () => this.held.find(job.channel, job.range)?.holder === holder;
        return attachIndex(this.parts, holder, job, isHeld);
      }
      case "search": {
        const part = await runSearch(this.held, job);
        return "kind" in part ? part : searchedResult(part);
      }
      case "scan": {
        const part = runScan(this.held, job);
        return "kind" in part ? part : scannedResult(part);
      }
      case "encodeSegment":
        return encodeEntries(job);
      case "buildIndex":
        return buildIndex(engine, job);
      case "compact":
        return compactSegments(objects, job);
    }
  }

  private change(
    job: Extract<
      ComputeJob,
      {
        kind: "openRange" | "appendRows" | "splitRange" | "bindLives" | "dropRange" | "dropChannel";
      }
    >,
  ): void {
    const { channel } = job;
    switch (job.kind) {
      case "openRange": {
        this.voidLoads(channel, job.range);
        const holder = new SegmentHolder(job.schema, job.lives);
        this.held.open(channel, job.range, { holder, schema: job.schema, shard: job.shard });
        return;
      }
      case "appendRows":
        return this.append(job);
      case "splitRange": {
        const held = this.held.get(channel, job.range);
        const holder = held.holder.split(job.rowCount, job.lives);
        this.held.open(channel, job.into, { ...held, holder });
        return;
      }
      case "bindLives":
        this.held.get(channel, job.range).holder.lives = job.lives;
        return;
      case "dropRange":
        this.voidLoads(channel, job.range);
        return this.held.drop(channel, job.range);
      case "dropChannel":
        this.voidLoads(channel, null);
        return this.held.dropChannel(channel);
    }
  }

  /** A range that could not take an entry is of no use to anybody. */
  private append(job: Extract<ComputeJob, { kind: "appendRows" }>): void {
    const range = this.held.get(job.channel, job.range);
    try {
      appendEntry(range, job);
    } catch (error) {
      this.held.drop(job.channel, job.range);
      throw error;
    }
  }

  private async load(job: LoadJob): Promise<ComputeResult> {
    const { channel, range } = job;
    const place = placeOf(channel, range);
    this.held.drop(channel, range);
    this.loads.set(place, job);
    try {
      const loaded = await loadRange(this.parts.objects, job);
      if (this.loads.get(place) !== job) throw new UnknownRangeError(channel, range);
      if (loaded.kind === "unreadable") return loaded;
      const { holder, result } = loaded;
      this.held.open(channel, range, { holder, schema: job.schema, shard: null });
      return result;
    } finally {
      if (this.loads.get(place) === job) this.loads.delete(place);
    }
  }

  private voidLoads(channel: string, range: number | null): void {
    for (const [place, job] of this.loads) {
      if (job.channel === channel && (range === null || job.range === range)) {
        this.loads.delete(place);
      }
    }
  }
}

function placeOf(channel: string, range: number): string {
  return `${channel} ${range}`;
}

function appendEntry(
  { holder, schema, shard }: HeldRange,
  { entry, lives }: Extract<ComputeJob, { kind: "appendRows" }>,
): void {
  if (shard === null) throw new Error("a loaded segment takes no more rows");
  if (lives !== null) holder.lives = lives;
  const decoded = viewRowBatch(entry.rows);
  if (!decoded.ok) throw new Error(`entry ${entry.sequence}: ${decoded.reason}`);
  const misfit = batchMisfit(decoded.batch, schema);
  if (misfit !== null) throw new Error(`entry ${entry.sequence}: ${misfit}`);
  const isNext = holder.birthOf(holder.count) === entry.sequence;
  if (!isNext || decoded.batch.count !== entry.count) {
    throw new Error(`entry ${entry.sequence} does not continue the range`);
  }
  holder.append(withKeys(decoded.batch, schema, shard, entry.sequence));
}
