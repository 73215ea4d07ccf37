// Bounded selection of the k nearest, and the merge of selections that are sorted already.

/** Nearest first; among equal distances the smaller offset first. */
export interface Hits {
  readonly offsets: Uint32Array;
  readonly distances: Float32Array;
}

export interface TopK {
  /** The distance a later row must stay below to matter; NaN while every row still matters. */
  readonly limit: number;
  offer(offset: number, distance: number): void;
  /** The selection in order. It ends the selection: offer nothing afterwards. */
  finish(): Hits;
}

/** Keeps the `k` nearest of what is offered. */
export function createTopK(k: number): TopK {
  return new FarthestFirstHeap(k);
}

class FarthestFirstHeap implements TopK {
  private readonly k: number;
  private readonly offsets: Uint32Array;
  private readonly distances: Float32Array;
  private size = 0;

  constructor(k: number) {
    this.k = k;
    this.offsets = new Uint32Array(k);
    this.distances = new Float32Array(k);
  }

  get limit(): number {
    if (this.size < this.k) return Number.NaN;
    return this.k === 0 ? Number.NEGATIVE_INFINITY : (this.distances[0] as number);
  }

  offer(offset: number, distance: number): void {
    // A distance that overflowed into NaN counts as farthest: it must not upset the order.
    const rounded = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.fround(distance);
    if (this.size < this.k) {
      this.rise(offset, rounded);
      this.size += 1;
    } else if (this.k > 0 && !this.isFarther(offset, rounded, 0)) {
      this.sink(offset, rounded, this.k);
    }
  }

  finish(): Hits {
    for (let end = this.size - 1; end > 0; end -= 1) {
      const offset = this.offsets[end] as number;
      const distance = this.distances[end] as number;
      this.copy(0, end);
      this.sink(offset, distance, end);
    }
    return {
      offsets: this.offsets.subarray(0, this.size),
      distances: this.distances.subarray(0, this.size),
    };
  }

  private isFarther(offset: number, distance: number, place: number): boolean {
    const other = this.distances[place] as number;
    return distance > other || (distance === other && offset > (this.offsets[place] as number));
  }

  private copy(from: number, to: number): void {
    this.offsets[to] = this.offsets[from] as number;
    this.distances[to] = this.distances[from] as number;
  }

  private put(place: number, offset: number, distance: number): void {
    this.offsets[place] = offset;
    this.distances[place] = distance;
  }

  private rise(offset: number, distance: number): void {
    let place = this.size;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.isFarther(offset, distance, parent)) break;
      this.copy(parent, place);
      place = parent;
    }
    this.put(place, offset, distance);
  }

  /** Puts the entry in at the root, among the first `end` places. */
  private sink(offset: number, distance: number, end: number): void {
    let place = 0;
    for (let child = 1; child < end; child = 2 * place + 1) {
      if (child + 1 < end && this.isSecondFarther(child)) child += 1;
      if (this.isFarther(offset, distance, child)) break;
      this.copy(child, place);
      place = child;
    }
    this.put(place, offset, distance);
  }

  private isSecondFarther(first: number): boolean {
    const second = first + 1;
    return this.isFarther(this.offsets[second] as number, this.distances[second] as number, first);
  }
}

/** Entry i is entry `positions[i]` of list `sources[i]`. */
export interface MergedHits {
  readonly sources: Uint32Array;
  readonly positions: Uint32Array;
  readonly distances: Float32Array;
}

/**
 * The `k` nearest of several lists, each sorted nearest first. Among equal distances the earlier
 * list goes first, and within a list its own order stays.
 */
export function mergeTopK(
  lists: readonly { readonly distances: Float32Array }[],
  k: number,
): MergedHits {
  const ends = new Uint32Array(lists.length);
  let total = 0;
  lists.forEach((list, source) => {
    total += list.distances.length;
    ends[source] = total;
  });
  // An entry goes by its number in the concatenation of the lists, which settles ties as promised.
  const top = createTopK(Math.min(k, total));
  lists.forEach((list, source) => {
    const start = source === 0 ? 0 : (ends[source - 1] as number);
    for (const [position, distance] of list.distances.entries()) {
      if (distance >= top.limit) break;
      top.offer(start + position, distance);
    }
  });
  const { offsets: entries, distances } = top.finish();
  const sources = entries.map((entry) => listOf(entry, ends));
  const positions = entries.map((entry, place) => {
    const source = sources[place] as number;
    return source === 0 ? entry : entry - (ends[source - 1] as number);
  });
  return { sources, positions, distances };
}

/** The first list that ends after the entry, by bisection. */
function listOf(entry: number, ends: Uint32Array): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] as number) > entry) high = middle;
    else low = middle + 1;
  }
  return low;
}
