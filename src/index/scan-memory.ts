// The compiled scan kernel with a WebAssembly memory of its own: layout, growth, calls.
import { scanKernel } from "../wasm/scan-kernel.js";
import { WasmMemory } from "../wasm/wasm-memory.js";

/** `scan` of `wasm/kernel/scan.as.ts`, where its parameters are described. */
type Scan = (
  metric: number,
  dimension: number,
  query: number,
  rows: number,
  count: number,
  flags: number,
  scales: number,
  limit: number,
  distances: number,
  offsets: number,
) => number;

/** `gather` of `wasm/kernel/scan.as.ts`. */
type Gather = (
  metric: number,
  dimension: number,
  query: number,
  rows: number,
  count: number,
  offsets: number,
  scales: number,
  distances: number,
) => void;

/** The most rows of one call: many enough to hide its cost, few enough that the limit adapts. */
export const blockRows = 2048;

// Address 0 stays unused, since as the address of flags it means that there are none.
const flagsAt = 16;
const scalesAt = flagsAt + blockRows;
const distancesAt = scalesAt + blockRows * 4;
const offsetsAt = distancesAt + blockRows * 4;
const queryAt = offsetsAt + blockRows * 4;

/** Views of the memory; growth replaces them all. */
export interface ScanViews {
  readonly query: Float32Array;
  readonly flags: Uint8Array;
  readonly scales: Float32Array;
  readonly distances: Float32Array;
  readonly offsets: Uint32Array;
  /** All room for rows, used or not. */
  readonly rows: Float32Array;
}

export class ScanMemory {
  views: ScanViews;
  private readonly memory: WasmMemory<{ readonly scan: Scan; readonly gather: Gather }>;
  private readonly dimension: number;
  private readonly metric: number;
  private readonly rowsAt: number;

  constructor(dimension: number, metric: number, rows: number) {
    this.dimension = dimension;
    this.metric = metric;
    this.rowsAt = queryAt + Math.ceil(dimension / 16) * 64;
    this.memory = new WasmMemory(scanKernel, this.bytesFor(rows));
    this.views = this.createViews();
  }

  get bytes(): number {
    return this.memory.buffer.byteLength;
  }

  /** Makes room for this many rows. */
  reserve(rows: number): void {
    if (this.memory.reserve(this.bytesFor(rows))) this.views = this.createViews();
  }

  /** Scans up to `blockRows` rows; finds in `views.distances` and `views.offsets`. */
  scan(start: number, count: number, flagged: boolean, limit: number): number {
    return this.memory.kernel.scan(
      this.metric,
      this.dimension,
      queryAt,
      this.rowsAt + start * this.dimension * 4,
      count,
      flagged ? flagsAt : 0,
      scalesAt,
      limit,
      distancesAt,
      offsetsAt,
    );
  }

  /** Distances to the `count` rows in `views.offsets`, into `views.distances`. */
  gather(count: number): void {
    this.memory.kernel.gather(
      this.metric,
      this.dimension,
      queryAt,
      this.rowsAt,
      count,
      offsetsAt,
      scalesAt,
      distancesAt,
    );
  }

  private bytesFor(rows: number): number {
    return this.rowsAt + rows * this.dimension * 4;
  }

  private createViews(): ScanViews {
    const { buffer } = this.memory;
    const rowValues = Math.floor((buffer.byteLength - this.rowsAt) / 4);
    return {
      query: new Float32Array(buffer, queryAt, this.dimension),
      flags: new Uint8Array(buffer, flagsAt, blockRows),
      scales: new Float32Array(buffer, scalesAt, blockRows),
      distances: new Float32Array(buffer, distancesAt, blockRows),
      offsets: new Uint32Array(buffer, offsetsAt, blockRows),
      rows: new Float32Array(buffer, this.rowsAt, rowValues),
    };
  }
}
