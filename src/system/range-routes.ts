// Which search thread holds which range, and how much each thread holds.
export interface Route {
  readonly channel: string;
  readonly range: number;
  readonly thread: number;
  readonly keyField: string;
  /** Of the rows and indexes behind it, roughly: it tells loaded threads from idle ones. */
  bytes: number;
}

// A range counts even while it is empty, so that several opened at once are spread.
const bytesOfEmptyRange = 1_024;

export class RangeRoutes {
  private readonly channels = new Map<string, Map<number, Route>>();
  private readonly loads: number[];

  constructor(threads: number) {
    this.loads = new Array<number>(threads).fill(0);
  }

  find(channel: string, range: number): Route | undefined {
    return this.channels.get(channel)?.get(range);
  }

  /** A range stays in its thread; a new one goes to the least loaded of those that `mayHold`. */
  assign(
    channel: string,
    range: number,
    keyField: string,
    mayHold: (thread: number) => boolean,
  ): Route | null {
    const present = this.find(channel, range);
    const thread = present?.thread ?? this.leastLoaded(mayHold);
    if (thread === null) return null;
    if (present !== undefined) this.remove(present);
    const route: Route = { channel, range, thread, keyField, bytes: 0 };
    const ranges = this.channels.get(channel) ?? new Map<number, Route>();
    this.channels.set(channel, ranges.set(range, route));
    this.addLoad(route, bytesOfEmptyRange);
    return route;
  }

  addLoad(route: Route, bytes: number): void {
    if (this.find(route.channel, route.range) !== route) return;
    route.bytes += bytes;
    this.loads[route.thread] = (this.loads[route.thread] ?? 0) + bytes;
  }

  /** Nothing happens if the range was assigned anew. */
  remove(route: Route): void {
    const ranges = this.channels.get(route.channel);
    if (ranges?.get(route.range) !== route) return;
    ranges.delete(route.range);
    if (ranges.size === 0) this.channels.delete(route.channel);
    this.loads[route.thread] = (this.loads[route.thread] ?? 0) - route.bytes;
  }

  ofChannel(channel: string): readonly Route[] {
    return [...(this.channels.get(channel)?.values() ?? [])];
  }

  channelsIn(thread: number): readonly string[] {
    return [...this.channels]
      .filter(([, ranges]) => [...ranges.values()].some((route) => route.thread === thread))
      .map(([channel]) => channel);
  }

  private leastLoaded(mayHold: (thread: number) => boolean): number | null {
    let best: number | null = null;
    for (const [thread, load] of this.loads.entries()) {
      if (mayHold(thread) && (best === null || load < (this.loads[best] as number))) best = thread;
    }
    return best;
  }
}
