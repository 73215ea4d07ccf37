// The compiled scan kernel with a WebAssembly memory of its own: layout, growth, calls.
import { scanKernel } from "./scan-kernel.js";

// What this file needs of it: the compiler's library has it only together with the whole DOM.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Instance {
    constructor(module: Module, imports: { env: { memory: Memory } });
    readonly exports: { scan: Scan };
  }
}

/** `scan` of `kernel/scan.as.ts`, where its parameters are described. */
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

/** The rows do not fit into one slab, or the process has no memory for them. */
export class SlabFullError extends RangeError {
  override readonly name = "SlabFullError";
}

/** The most rows of one call: many enough to hide its cost, few enough that the limit adapts. */
export const blockRows = 2048;

const pageBytes = 65_536;
// One page less than WebAssembly's 4 GiB, so that the end of the memory is still a 32-bit number.
const pagesMax = 65_535;

// Address 0 stays unused, since as the address of flags it means that there are none.
const flagsAt = 16;
const scalesAt = flagsAt + blockRows;
const distancesAt = scalesAt + blockRows * 4;
const offsetsAt = distancesAt + blockRows * 4;
const queryAt = offsetsAt + blockRows * 4;

let compiled: WebAssembly.Module | undefined;

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
  private readonly memory: WebAssembly.Memory;
  private readonly kernel: Scan;
  private readonly dimension: number;
  private readonly metric: number;
  private readonly rowsAt: number;

  constructor(dimension: number, metric: number, rows: number) {
    this.dimension = dimension;
    this.metric = metric;
    this.rowsAt = queryAt + Math.ceil(dimension / 16) * 64;
    const initial = this.pagesFor(rows);
    this.memory = orFull(() => new WebAssembly.Memory({ initial, maximum: pagesMax }));
    compiled ??= new WebAssembly.Module(Buffer.from(scanKernel, "base64"));
    this.kernel = new WebAssembly.Instance(compiled, { env: { memory: this.memory } }).exports.scan;
    this.views = this.createViews();
  }

  get bytes(): number {
    return this.memory.buffer.byteLength;
  }

  /** Makes room for this many rows, and for a quarter more than now, as a growth costs 0.4 ms. */
  reserve(rows: number): void {
    const present = this.bytes / pageBytes;
    const needed = this.pagesFor(rows);
    if (needed <= present) return;
    const target = Math.min(pagesMax, Math.max(needed, Math.ceil(present * 1.25)));
    orFull(() => this.memory.grow(target - present));
    this.views = this.createViews();
  }

  /** Scans up to `blockRows` rows; finds in `views.distances` and `views.offsets`. */
  scan(start: number, count: number, flagged: boolean, limit: number): number {
    return this.kernel(
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

  private pagesFor(rows: number): number {
    const pages = Math.ceil((this.rowsAt + rows * this.dimension * 4) / pageBytes);
    if (pages > pagesMax) throw new SlabFullError(`${rows} rows exceed the 4 GiB of one slab`);
    return pages;
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

function orFull<Result>(allocate: () => Result): Result {
  try {
    return allocate();
  } catch (cause) {
    throw new SlabFullError("the process has no memory for the slab", { cause });
  }
}
