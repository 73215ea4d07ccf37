// The worker threads of a process: search threads that hold ranges, and others for long work.
import { primaryKeyOf } from "../rows/schema.js";
import { UnknownRangeError } from "../segments/held-ranges.js";
import { mergeRead, type ReadPart } from "../segments/merge-parts.js";
import type { ScanJob, SearchJob } from "../segments/run-reads.js";
import { Admission } from "./admission.js";
import type { ComputeJob, ComputeResult, RangeView } from "./compute.js";
import { type LongJob, packJob, packLongJob, type ShortJob } from "./compute-wire.js";
import type { ObjectStoreLocation } from "./object-store-location.js";
import { RangeRoutes, type Route } from "./range-routes.js";
import { createSpentBuffers } from "./spent-buffers.js";
import { createThreadLink, type ThreadLink } from "./thread-link.js";

export interface ComputePoolOptions {
  /** Search threads: each holds some ranges and searches them. */
  readonly threads: number;
  /** They start at once: to be there when the first segments are to be loaded. */
  readonly searchesSoon?: boolean;
  /** Threads that build indexes, each one index at a time for seconds or minutes. */
  readonly buildThreads?: number;
  readonly objectStore: ObjectStoreLocation;
  /** A thread is gone, and with it what it held of these channels: build them up anew. */
  readonly onCrash: (threadId: number, channels: readonly string[]) => void;
  readonly bounds?: Partial<PoolBounds>;
}

/** What may wait at a time; a job beyond it is rejected as overloaded. */
export interface PoolBounds {
  readonly reads: number;
  /** Bytes of entries on their way into ranges: these must not be lost, so there is much room. */
  readonly entryBytes: number;
  /** Of each kind of long work. */
  readonly longJobs: number;
}

export interface ComputePool {
  /** Rejects with the reason when the job could not be run; some of its effect may be there. */
  run(job: ComputeJob): Promise<ComputeResult>;
  /** Ends the threads; what waits is rejected. */
  close(): Promise<void>;
}

const defaultBounds: PoolBounds = { reads: 1_024, entryBytes: 2 ** 30, longJobs: 64 };

export function createComputePool(options: ComputePoolOptions): ComputePool {
  return new ThreadPool(options);
}

type PlacedJob = Extract<ComputeJob, { kind: "openRange" | "loadSegment" }>;
type SplitJob = Extract<ComputeJob, { kind: "splitRange" }>;
type AppendJob = Extract<ComputeJob, { kind: "appendRows" }>;
type RangeJob = Extract<ComputeJob, { kind: "bindLives" | "attachIndex" }>;

class ThreadPool implements ComputePool {
  private readonly options: ComputePoolOptions;
  private readonly routes: RangeRoutes;
  private readonly searchThreads: readonly ThreadLink[];
  /** A thread of its own for each kind: a flush must not wait for an index to be built. */
  private readonly longThreads: Readonly<Record<LongJob["kind"], readonly ThreadLink[]>>;
  private readonly reads: Admission;
  private readonly entries: Admission;
  private readonly buffers = createSpentBuffers();
  private readonly longJobs: Readonly<Record<LongJob["kind"], Admission>>;

  constructor(options: ComputePoolOptions) {
    this.options = options;
    const bounds = { ...defaultBounds, ...options.bounds };
    this.reads = new Admission("reads wait", bounds.reads);
    this.entries = new Admission("bytes of entries wait", bounds.entryBytes);
    this.longJobs = {
      encodeSegment: new Admission("segments wait to be encoded", bounds.longJobs),
      compact: new Admission("compactions wait", bounds.longJobs),
      buildIndex: new Admission("indexes wait to be built", bounds.longJobs),
    };
    this.routes = new RangeRoutes(options.threads);
    let nextThread = 0;
    const links = (name: string, count: number) =>
      Array.from({ length: count }, () => this.createLink(name, nextThread++));
    this.searchThreads = links("search", options.threads);
    if (options.searchesSoon) for (const link of this.searchThreads) link.warm();
    this.longThreads = {
      encodeSegment: links("encode", 1),
      compact: links("compact", 1),
      buildIndex: links("build", options.buildThreads ?? 1),
    };
  }

  async run(job: ComputeJob): Promise<ComputeResult> {
    switch (job.kind) {
      case "openRange":
      case "loadSegment":
        return this.place(job);
      case "appendRows":
        return this.append(job);
      case "splitRange":
        return this.split(job);
      case "bindLives":
      case "attachIndex":
        return this.toRange(job);
      case "dropRange":
        return this.drop(job, [this.routes.find(job.channel, job.range)]);
      case "dropChannel":
        return this.drop(job, this.routes.ofChannel(job.channel));
      case "search":
      case "scan":
        return this.reads.during(1, () => this.read(job));
      case "encodeSegment":
      case "buildIndex":
      case "compact":
        return this.longJobs[job.kind].during(1, () => this.runLong(job));
    }
  }

  async close(): Promise<void> {
    const links = [...this.searchThreads, ...Object.values(this.longThreads).flat()];
    await Promise.all(links.map((link) => link.close()));
  }

  private createLink(kind: string, thread: number): ThreadLink {
    return createThreadLink({
      name: `${kind} thread ${thread}`,
      settings: { objectStore: this.options.objectStore },
      onCrash: () => this.onCrash(thread),
      onSpent: (buffer) => this.buffers.give(buffer),
    });
  }

  /** What other threads hold of the same channels is of no use without the rest. */
  private onCrash(thread: number): void {
    const channels = this.routes.channelsIn(thread);
    for (const channel of channels) {
      const routes = this.routes.ofChannel(channel);
      this.forget(
        { kind: "dropChannel", channel },
        routes.filter((route) => route.thread !== thread),
      );
      for (const route of routes) this.routes.remove(route);
    }
    this.options.onCrash(thread, channels);
  }

  private async place(job: PlacedJob): Promise<ComputeResult> {
    const { channel, range } = job;
    const keyField = primaryKeyOf(job.schema).name;
    const isAvailable = (thread: number) => this.thread(thread).isAvailable;
    const route = this.routes.assign(channel, range, keyField, isAvailable);
    if (route === null) throw new Error("every search thread crashed and starts again soon");
    if (job.kind === "loadSegment") this.routes.addLoad(route, job.object.bytes);
    const result = await this.changing(route, () => this.resultOf(route.thread, job));
    if (result.kind === "unreadable") this.routes.remove(route);
    return result;
  }

  private async append(job: AppendJob): Promise<ComputeResult> {
    const route = this.routeOf(job.channel, job.range);
    const bytes = job.entry.rows.byteLength;
    this.routes.addLoad(route, bytes);
    return this.changing(route, () =>
      this.entries.during(bytes, () => this.resultOf(route.thread, job)),
    );
  }

  /** The new range stands where its rows are. */
  private async split(job: SplitJob): Promise<ComputeResult> {
    const { channel, range, into } = job;
    const { thread, keyField } = this.routeOf(channel, range);
    const route = this.routes.assign(channel, into, keyField, (other) => other === thread);
    if (route === null) throw new UnknownRangeError(channel, range);
    return this.changing(route, () => this.resultOf(thread, job));
  }

  private async toRange(job: RangeJob): Promise<ComputeResult> {
    const route = this.routeOf(job.channel, job.range);
    if (job.kind === "attachIndex") this.routes.addLoad(route, job.object.bytes);
    return this.resultOf(route.thread, job);
  }

  /** A range whose change failed does not hold what its owner thinks: it is held no more. */
  private async changing<Result>(route: Route, change: () => Promise<Result>): Promise<Result> {
    try {
      return await change();
    } catch (error) {
      this.abandon(route);
      throw error;
    }
  }

  private abandon(route: Route): void {
    if (this.routes.find(route.channel, route.range) !== route) return;
    this.routes.remove(route);
    this.forget({ kind: "dropRange", channel: route.channel, range: route.range }, [route]);
  }

  /** A thread that cannot be told is gone, and all that it held. */
  private forget(
    job: Extract<ComputeJob, { kind: "dropRange" | "dropChannel" }>,
    routes: readonly Route[],
  ): void {
    for (const thread of new Set(routes.map((route) => route.thread))) {
      const told = () => undefined;
      this.thread(thread).run(packJob(job, this.buffers), false).then(told, told);
    }
  }

  private async drop(
    job: Extract<ComputeJob, { kind: "dropRange" | "dropChannel" }>,
    held: readonly (Route | undefined)[],
  ): Promise<ComputeResult> {
    const routes = held.filter((route) => route !== undefined);
    for (const route of routes) this.routes.remove(route);
    this.forget(job, routes);
    return { kind: "done" };
  }

  private async read(job: SearchJob | ScanJob): Promise<ComputeResult> {
    const groups = this.viewsByThread(job);
    const [only] = groups.keys();
    if (groups.size === 1 && only !== undefined) return this.resultOf(only, job);
    const keyField = this.routes.ofChannel(job.channel)[0]?.keyField ?? "";
    const parts = await Promise.all(
      [...groups].map(([thread, views]) => {
        return this.thread(thread).run(packJob({ ...job, views }, this.buffers), true);
      }),
    );
    return mergeRead(job, parts as readonly ReadPart[], keyField);
  }

  private viewsByThread({ channel, views }: SearchJob | ScanJob): Map<number, RangeView[]> {
    const groups = new Map<number, RangeView[]>();
    for (const view of views) {
      const { thread } = this.routeOf(channel, view.range);
      const group = groups.get(thread) ?? [];
      groups.set(thread, group);
      group.push(view);
    }
    return groups;
  }

  private async runLong(job: LongJob): Promise<ComputeResult> {
    const packed = await packLongJob(job);
    const available = this.longThreads[job.kind].filter((link) => link.isAvailable);
    const [link] = available.sort((a, b) => a.pending - b.pending);
    if (link === undefined) throw new Error(`no thread for '${job.kind}': they crashed`);
    return (await link.run(packed, false)) as ComputeResult;
  }

  private routeOf(channel: string, range: number): Route {
    const route = this.routes.find(channel, range);
    if (route === undefined) throw new UnknownRangeError(channel, range);
    return route;
  }

  private thread(thread: number): ThreadLink {
    const link = this.searchThreads[thread];
    if (link === undefined) throw new Error(`there is no search thread ${thread}`);
    return link;
  }

  /** Of a job that is not a part of one, whose answer is a result as it stands. */
  private async resultOf(thread: number, job: ShortJob): Promise<ComputeResult> {
    return (await this.thread(thread).run(packJob(job, this.buffers), false)) as ComputeResult;
  }
}
