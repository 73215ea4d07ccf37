// Vectors as signed bytes: a quarter of the memory that a search moves through.

/** The vectors that are coded: `count` rows of `dimension` values, `stride` values apart. */
export interface CodedRows {
  readonly values: Float32Array;
  readonly first: number;
  readonly stride: number;
  readonly count: number;
  readonly dimension: number;
  /** The squared distance, or the negated dot product. */
  readonly space: "l2" | "ip";
}

/** Two float32 follow a row's bytes: the factor of its dot products, and what is added to them. */
const numbersBytes = 8;
const codeMax = 127;
const queryMax = 8191;
/** By what the kernel divides the products of codes and weights. */
const weightUnit = 128;
const float32Max = 3.4e38;

export interface RowWeights {
  /** As long as a code: what each of its bytes is multiplied with, in units of 1/128. */
  readonly weights: Int16Array;
  /** What the product of such a query with a code is worth, besides both rows' factors. */
  readonly worth: number;
}

/** Bytes of a row's code, a multiple of 16 as the kernel reads it. */
export function codeBytes(dimension: number): number {
  return Math.ceil((dimension + numbersBytes) / 16) * 16;
}

/**
 * A row is its difference from the mean, each dimension divided by its deviation, and the whole by
 * the row's largest value, so that neither an offset, nor uneven dimensions or lengths cost digits.
 * The query takes the deviations upon itself, in 14 bits (asymmetric distances: Jegou et al.,
 * Product Quantization for Nearest Neighbor Search, 2011).
 *
 * The number that is added makes the result the squared distance to the rounded row, less what is
 * the same for all rows: for a query near the row, rounding then costs little. By dot product it is
 * that too, less the row's true square, so that only the products are left. The numbers of both
 * rows together make it the distance between two rows.
 */
export class VectorCoder {
  private readonly dimension: number;
  private readonly space: CodedRows["space"];
  private readonly mean: Float64Array;
  private readonly deviation: Float64Array;
  /** The rows' mean square. By it distances become numbers that float32 holds, in any unit. */
  readonly square: number;
  private readonly scratch: Float64Array;

  constructor(rows: CodedRows) {
    this.dimension = rows.dimension;
    this.space = rows.space;
    this.scratch = new Float64Array(rows.dimension);
    this.mean = meanOf(rows);
    this.deviation = deviationOf(rows, this.mean);
    let square = 0;
    for (let index = 0; index < rows.dimension; index += 1) {
      const offset = rows.space === "ip" ? (this.mean[index] as number) : 0;
      square += (this.deviation[index] as number) ** 2 + offset ** 2;
    }
    this.square = square || 1;
  }

  /** Writes the rows that the coder was made for, `codeBytes` apart. */
  encodeRows(rows: CodedRows, codes: Int8Array): void {
    const { count, dimension } = rows;
    const bytes = codeBytes(dimension);
    const numbers = new Float32Array(codes.buffer, codes.byteOffset, (count * bytes) / 4);
    const inverse = this.deviation.map((deviation) => (deviation === 0 ? 0 : 1 / deviation));
    for (let row = 0; row < count; row += 1) {
      const start = row * bytes;
      const code = codes.subarray(start, start + dimension);
      const factor = this.encodeRow(rows, row, inverse, code);
      const end = (start + bytes - numbersBytes) / 4;
      numbers[end] = Math.min(factor, float32Max);
      numbers[end + 1] = finite(this.addedTo(rows, row, code, factor) / this.square);
    }
  }

  /** What makes a query of a row's code: both as the kernel's insertion takes them. */
  rowWeights(): RowWeights {
    const { dimension, deviation, square } = this;
    const largest = deviation.reduce((most, value) => Math.max(most, value ** 2), 0);
    const most = queryMaxOf(dimension);
    const weights = new Int16Array(codeBytes(dimension));
    for (let index = 0; index < dimension && largest > 0; index += 1) {
      weights[index] = Math.round(((deviation[index] as number) ** 2 / largest) * most);
    }
    return { weights, worth: (-2 * weightUnit * largest) / (most * square) };
  }

  /** Writes the query's integers; returns what dot products with them are to be multiplied with. */
  encodeQuery(query: ArrayLike<number>, target: Int16Array): number {
    const { dimension, scratch } = this;
    const largest = this.weigh(query);
    const most = queryMaxOf(dimension);
    const factor = largest === 0 ? 0 : most / largest;
    for (let index = 0; index < dimension; index += 1) {
      // Rounds what is above -2^13; `Math.round` takes three times as long as all the rest.
      const value = (scratch[index] as number) * factor;
      target[index] = ((value + 8192.5) | 0) - 8192;
    }
    const worth = (2 * largest) / (most * this.square);
    // From afar rows differ by their products only, which must not leave float32.
    return -Math.min(worth, 1e24);
  }

  /**
   * Leaves the query's difference from the mean, times the deviations, in `scratch`; returns the
   * largest magnitude there. By dot product a query's length does not change the order: it is made
   * as long as a row.
   */
  private weigh(query: ArrayLike<number>): number {
    const { dimension, mean, deviation, scratch } = this;
    const length = this.space === "l2" ? 1 : this.lengthOf(query);
    let largest = 0;
    for (let index = 0; index < dimension; index += 1) {
      const centred = (query[index] as number) * length - (mean[index] as number);
      const weighed = centred * (deviation[index] as number);
      scratch[index] = weighed;
      const magnitude = Math.abs(weighed);
      if (magnitude > largest) largest = magnitude;
    }
    return largest;
  }

  private lengthOf(query: ArrayLike<number>): number {
    let square = 0;
    for (let index = 0; index < this.dimension; index += 1) {
      square += (query[index] as number) ** 2;
    }
    return square === 0 ? 1 : Math.sqrt(this.square / square);
  }

  private encodeRow(
    { values, first, stride, dimension }: CodedRows,
    row: number,
    inverse: Float64Array,
    target: Int8Array,
  ): number {
    const { mean, scratch } = this;
    const start = first + row * stride;
    let largest = 0;
    for (let index = 0; index < dimension; index += 1) {
      const centred = (values[start + index] as number) - (mean[index] as number);
      const value = centred * (inverse[index] as number);
      scratch[index] = value;
      const magnitude = Math.abs(value);
      if (magnitude > largest) largest = magnitude;
    }
    const factor = largest === 0 ? 0 : codeMax / largest;
    for (let index = 0; index < dimension; index += 1) {
      target[index] = Math.round((scratch[index] as number) * factor);
    }
    return largest / codeMax;
  }

  private addedTo(
    { values, first, stride, dimension, space }: CodedRows,
    row: number,
    code: Int8Array,
    factor: number,
  ): number {
    const { mean, deviation } = this;
    const start = first + row * stride;
    let sum = 0;
    for (let index = 0; index < dimension; index += 1) {
      const rounded = (code[index] as number) * factor * (deviation[index] as number);
      sum += rounded * rounded;
      if (space === "l2") continue;
      // The true square goes, and the product with the mean, which codes leave out, comes.
      const centre = mean[index] as number;
      const centred = (values[start + index] as number) - centre;
      sum -= centred * (centred + 2 * centre);
    }
    return sum;
  }
}

/** The sum of all products must stay a 32-bit number. */
function queryMaxOf(dimension: number): number {
  return Math.min(queryMax, Math.floor((2 ** 31 - 1) / (codeMax * dimension)));
}

function finite(value: number): number {
  return Math.max(-float32Max, Math.min(float32Max, value));
}

function meanOf({ values, first, stride, count, dimension }: CodedRows): Float64Array {
  const sums = new Float64Array(dimension);
  for (let row = 0; row < count; row += 1) {
    const start = first + row * stride;
    for (let index = 0; index < dimension; index += 1) {
      sums[index] = (sums[index] as number) + (values[start + index] as number);
    }
  }
  return sums.map((sum) => sum / count);
}

/** Of all rows: a rare value that a sample misses would push all others of its row out. */
function deviationOf(rows: CodedRows, mean: Float64Array): Float64Array {
  const { values, first, stride, count, dimension } = rows;
  const squares = new Float64Array(dimension);
  for (let row = 0; row < count; row += 1) {
    const start = first + row * stride;
    for (let index = 0; index < dimension; index += 1) {
      const offset = (values[start + index] as number) - (mean[index] as number);
      squares[index] = (squares[index] as number) + offset * offset;
    }
  }
  return squares.map((sum) => Math.sqrt(sum / count));
}
