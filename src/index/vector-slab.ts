// The vectors of one segment in WebAssembly memory, and the exact scan over them.
import { type Metric, metrics } from "../rows/schema.js";
import { inverseNorm, normalise } from "./distance.js";
import { blockRows, ScanMemory } from "./scan-memory.js";
import { createTopK, type Hits } from "./top-k.js";

export { MemoryFullError } from "../wasm/wasm-memory.js";

export interface VectorSlab {
  readonly count: number;
  /** What the slab holds of the process's memory, room for growth included. */
  readonly bytes: number;
  /**
   * `rows x dimension` values, or their bytes. Appends all or, throwing `MemoryFullError`, nothing.
   */
  append(rows: Float32Array | Uint8Array): void;
  /** Copies the row's original values into `target`, from its place `at` on. */
  copyVector(offset: number, target: Float32Array, at: number): void;
  /**
   * The `k` nearest of the first `rowCount` rows, by internal distance; with `allowed`, only of the
   * rows whose byte in it is not 0. Fewer than `k` only where fewer rows qualify.
   */
  search(query: Float32Array, k: number, rowCount: number, allowed: Uint8Array | undefined): Hits;
  /** The `k` nearest of these rows, with the distances that `search` gives them, bit for bit. */
  nearestOf(query: Float32Array, offsets: Uint32Array, k: number): Hits;
  /** Lets go of the memory, which returns with the next collection; any use afterwards throws. */
  free(): void;
}

/** An empty slab with room for `initialRows`. It belongs to the thread that made it. */
export function createVectorSlab(dimension: number, metric: Metric, initialRows = 0): VectorSlab {
  return new ScannedSlab(dimension, metric, initialRows);
}

class ScannedSlab implements VectorSlab {
  count = 0;
  private memory: ScanMemory | undefined;
  private inverseNorms: Float32Array;
  private readonly dimension: number;
  private readonly metric: Metric;

  constructor(dimension: number, metric: Metric, initialRows: number) {
    this.dimension = dimension;
    this.metric = metric;
    this.memory = new ScanMemory(dimension, metrics.indexOf(metric), initialRows);
    this.inverseNorms = new Float32Array(metric === "COSINE" ? initialRows : 0);
  }

  get bytes(): number {
    return (this.memory?.bytes ?? 0) + this.inverseNorms.byteLength;
  }

  append(rows: Float32Array | Uint8Array): void {
    const added = rows.byteLength / 4 / this.dimension;
    if (!Number.isInteger(added)) throw new RangeError(`${rows.length} values are no whole rows`);
    const memory = this.living();
    memory.reserve(this.count + added);
    const { rows: room } = memory.views;
    if (rows instanceof Float32Array) room.set(rows, this.count * this.dimension);
    else bytesOf(room).set(rows, this.count * this.dimension * 4);
    if (this.metric === "COSINE") this.appendNorms(room, added);
    this.count += added;
  }

  copyVector(offset: number, target: Float32Array, at: number): void {
    this.check(offset);
    const start = offset * this.dimension;
    target.set(this.living().views.rows.subarray(start, start + this.dimension), at);
  }

  search(query: Float32Array, k: number, rowCount: number, allowed: Uint8Array | undefined): Hits {
    if (rowCount > this.count || (allowed !== undefined && allowed.length < rowCount)) {
      throw new RangeError(`${rowCount} rows asked of ${this.count}, flags ${allowed?.length}`);
    }
    const memory = this.prepare(query);
    const { flags, offsets, distances } = memory.views;
    const top = createTopK(Math.min(k, rowCount));
    for (let start = 0; start < rowCount; start += blockRows) {
      const rows = Math.min(blockRows, rowCount - start);
      if (allowed !== undefined) flags.set(allowed.subarray(start, start + rows));
      this.putNorms(memory, start, rows);
      const found = memory.scan(start, rows, allowed !== undefined, top.limit);
      for (let place = 0; place < found; place += 1) {
        top.offer(start + (offsets[place] as number), distances[place] as number);
      }
    }
    return top.finish();
  }

  nearestOf(query: Float32Array, offsets: Uint32Array, k: number): Hits {
    const memory = this.prepare(query);
    const top = createTopK(Math.min(k, offsets.length));
    for (let start = 0; start < offsets.length; start += blockRows) {
      const block = offsets.subarray(start, start + blockRows);
      this.putBlock(memory, block);
      memory.gather(block.length);
      for (let place = 0; place < block.length; place += 1) {
        top.offer(block[place] as number, memory.views.distances[place] as number);
      }
    }
    return top.finish();
  }

  free(): void {
    this.memory = undefined;
    this.inverseNorms = new Float32Array(0);
    this.count = 0;
  }

  private living(): ScanMemory {
    if (this.memory === undefined) throw new Error("the slab was freed");
    return this.memory;
  }

  private check(offset: number): void {
    if (!(offset < this.count)) throw new RangeError(`no row ${offset} among ${this.count}`);
  }

  private prepare(query: Float32Array): ScanMemory {
    if (query.length !== this.dimension) {
      throw new RangeError(`a query of ${query.length} values in dimension ${this.dimension}`);
    }
    const memory = this.living();
    memory.views.query.set(query);
    if (this.metric === "COSINE") normalise(memory.views.query);
    return memory;
  }

  private putNorms(memory: ScanMemory, start: number, rows: number): void {
    if (this.metric !== "COSINE") return;
    memory.views.scales.set(this.inverseNorms.subarray(start, start + rows));
  }

  private putBlock({ views }: ScanMemory, offsets: Uint32Array): void {
    for (const offset of offsets) this.check(offset);
    views.offsets.set(offsets);
    if (this.metric !== "COSINE") return;
    for (let place = 0; place < offsets.length; place += 1) {
      views.scales[place] = this.inverseNorms[offsets[place] as number] as number;
    }
  }

  private appendNorms(rows: Float32Array, added: number): void {
    const needed = this.count + added;
    if (needed > this.inverseNorms.length) {
      const larger = new Float32Array(Math.ceil(needed * 1.25));
      larger.set(this.inverseNorms);
      this.inverseNorms = larger;
    }
    for (let row = 0; row < added; row += 1) {
      const at = this.count + row;
      this.inverseNorms[at] = inverseNorm(rows, at * this.dimension, this.dimension);
    }
  }
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
