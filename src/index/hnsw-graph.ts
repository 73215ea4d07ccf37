// Whether bytes are a graph that hnswlib can walk: it follows any link, and a wrong one is a crash.

/** What the bytes must agree with. */
export interface GraphShape {
  readonly dimension: number;
  readonly count: number;
  readonly M: number;
}

// The layout that hnswlib 0.8's `saveIndex` writes on a 64-bit little-endian machine: a header,
// then per row (links of level 0, vector, label), then per row the links of its higher levels.
export const payloadHeaderBytes = 96;
export const labelBytes = 8;

/** Undefined for a sound graph, else what is wrong with it. */
export function findGraphDamage(payload: Uint8Array, shape: GraphShape): string | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload.length < payloadHeaderBytes) return "shorter than hnswlib's header";
  const rowBytes = rowBytesOf(shape);
  const linksAt = payloadHeaderBytes + shape.count * rowBytes;
  if (payload.length < linksAt) return "shorter than its rows";
  const levels = readLevels(view, linksAt, shape);
  if (typeof levels === "string") return levels;
  return (
    findHeaderDamage(view, shape, rowBytes, levels) ??
    findRowDamage(view, shape, rowBytes) ??
    findHigherDamage(view, linksAt, shape, levels)
  );
}

/** A sound graph's parts, in place. */
export interface HnswGraph extends GraphShape {
  /** All of the payload, as numbers and as values. */
  readonly words: Uint32Array;
  readonly values: Float32Array;
  /** The first row, in words: its count of links on level 0, 2 M places for them, its vector. */
  readonly firstRow: number;
  readonly rowWords: number;
  readonly firstVector: number;
  readonly entryPoint: number;
  readonly topLevel: number;
  /** The rows above level 0, ascending. */
  readonly upper: readonly UpperRow[];
}

export interface UpperRow {
  readonly row: number;
  readonly levels: number;
  /** The list of level 1, in words: its count, then M places; those of higher levels follow. */
  readonly firstList: number;
}

/** For a payload in which no damage was found. */
export function viewGraph(payload: Uint8Array, shape: GraphShape): HnswGraph {
  const { count, dimension, M } = shape;
  const { buffer, byteOffset, byteLength } = byteAligned(payload);
  const words = new Uint32Array(buffer, byteOffset, byteLength / 4);
  const firstRow = payloadHeaderBytes / 4;
  const rowWords = rowBytesOf(shape) / 4;
  return {
    ...{ count, dimension, M, words, firstRow, rowWords },
    values: new Float32Array(buffer, byteOffset, byteLength / 4),
    firstVector: firstRow + 2 * M + 1,
    topLevel: words[48 / 4] as number,
    entryPoint: words[52 / 4] as number,
    upper: upperRowsOf(words, firstRow + count * rowWords, shape),
  };
}

function byteAligned(bytes: Uint8Array): Uint8Array {
  // Not `slice`, which is a view of a Buffer.
  return bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
}

function upperRowsOf(words: Uint32Array, start: number, { count, M }: GraphShape): UpperRow[] {
  const upper: UpperRow[] = [];
  let position = start;
  for (let row = 0; row < count; row += 1) {
    const length = (words[position] as number) / 4;
    if (length > 0) upper.push({ row, levels: length / (M + 1), firstList: position + 1 });
    position += 1 + length;
  }
  return upper;
}

export function rowBytesOf({ M, dimension }: GraphShape): number {
  return (2 * M + 1) * 4 + dimension * 4 + labelBytes;
}

/** The highest level of every row; so far it checks only that the lists fill the payload. */
function readLevels(
  view: DataView,
  linksAt: number,
  { count, M }: GraphShape,
): Uint32Array | string {
  const listBytes = (M + 1) * 4;
  const levels = new Uint32Array(count);
  let position = linksAt;
  for (let row = 0; row < count; row += 1) {
    if (position + 4 > view.byteLength) return "shorter than its links";
    const length = view.getUint32(position, true);
    if (length % listBytes !== 0) return `a list of links of ${length} bytes`;
    levels[row] = length / listBytes;
    position += 4 + length;
  }
  return position === view.byteLength ? levels : "longer than its links";
}

function findHeaderDamage(
  view: DataView,
  { count, M }: GraphShape,
  rowBytes: number,
  levels: Uint32Array,
): string | undefined {
  const expected: readonly (readonly [name: string, at: number, value: number])[] = [
    ["level 0 offset", 0, 0],
    ["capacity", 8, count],
    ["row count", 16, count],
    ["row size", 24, rowBytes],
    ["label offset", 32, rowBytes - labelBytes],
    ["vector offset", 40, (2 * M + 1) * 4],
    ["links of a level", 56, M],
    ["links of level 0", 64, 2 * M],
    ["M", 72, M],
  ];
  for (const [name, at, value] of expected) {
    if (view.getBigUint64(at, true) !== BigInt(value)) return `a wrong ${name}`;
  }
  const topLevel = view.getInt32(48, true);
  const entryPoint = view.getUint32(52, true);
  return levels[entryPoint] === topLevel ? undefined : "a wrong entry point";
}

function findRowDamage(
  view: DataView,
  { count, M }: GraphShape,
  rowBytes: number,
): string | undefined {
  for (let row = 0; row < count; row += 1) {
    const start = payloadHeaderBytes + row * rowBytes;
    // Rows go in by ascending offset, so a row's place and its label are the same number.
    const label = start + rowBytes - labelBytes;
    if (view.getUint32(label, true) !== row || view.getUint32(label + 4, true) !== 0) {
      return `a wrong label of row ${row}`;
    }
    if (!areLinksSound(view, start, 2 * M, (target) => target < count)) {
      return `a wrong link of row ${row}`;
    }
  }
  return undefined;
}

function findHigherDamage(
  view: DataView,
  linksAt: number,
  { count, M }: GraphShape,
  levels: Uint32Array,
): string | undefined {
  let position = linksAt;
  for (let row = 0; row < count; row += 1) {
    position += 4;
    for (let level = 1; level <= (levels[row] as number); level += 1) {
      // A row that does not reach this level has no list on it, so no link may lead there.
      const reaches = (target: number) => target < count && (levels[target] as number) >= level;
      if (!areLinksSound(view, position, M, reaches)) return `a wrong link above row ${row}`;
      position += (M + 1) * 4;
    }
  }
  return undefined;
}

/** The count is checked as 32 bits: hnswlib keeps a deletion mark in its upper half. */
function areLinksSound(
  view: DataView,
  start: number,
  countMax: number,
  isTarget: (row: number) => boolean,
): boolean {
  const count = view.getUint32(start, true);
  if (count > countMax) return false;
  for (let link = 1; link <= count; link += 1) {
    if (!isTarget(view.getUint32(start + link * 4, true))) return false;
  }
  return true;
}
