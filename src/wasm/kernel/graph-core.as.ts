// What search and insertion in an HNSW graph share, in AssemblyScript: the graph over 8-bit codes
// of vectors, its distances, and the search of one level, algorithm 2 of Malkov and Yashunin
// (arXiv 1603.09320). A list of links ends early at `none`. Links are row numbers on all levels.

export const none: u32 = 0xffffffff;

// One graph an instance: what does not change from search to search.
let links: usize = 0;
let linksMax: u32 = 0;
let upperLinks: usize = 0;
let upperMax: u32 = 0;
let upperStarts: usize = 0;
let codes: usize = 0;
let codeStride: usize = 0;
let query: usize = 0;
let visited: usize = 0;
let visitedBytes: usize = 0;
// The query of the moment, and the level that is searched.
let factor: f32 = 0;
let level: u32 = 0;
// A sum that nobody reads.
let touched: u32 = 0;

/** Lists of level 0: `count x max` row numbers. */
export function setLinks(at: usize, max: u32): void {
  links = at;
  linksMax = max;
}

/**
 * Lists of the levels above, of `max` row numbers each; `starts` has, for each row, which of them
 * is the row's of level 1. Those of its higher levels follow.
 */
export function setUpper(starts: usize, lists: usize, max: u32): void {
  upperStarts = starts;
  upperLinks = lists;
  upperMax = max;
}

/**
 * Codes: for each row `stride` bytes, a multiple of 16: one signed byte a dimension, and in the
 * last 8 of them two float32, what dot products are multiplied with and what is added then.
 */
export function setCodes(at: usize, stride: usize): void {
  codes = at;
  codeStride = stride;
}

/** The query: int16 a dimension, 0 where the codes hold the two numbers; a bit a row for visits. */
export function setScratch(queryAt: usize, visitedAt: usize, bytes: usize): void {
  query = queryAt;
  visited = visitedAt;
  visitedBytes = bytes;
}

/** `scale`: what the query's integers are worth. */
@inline
export function setFactor(scale: f32): void {
  factor = scale;
}

@inline
export function setLevel(searched: u32): void {
  level = searched;
}

@inline
export function codeAt(row: u32): usize {
  return codes + codeStride * row;
}

@inline
export function codeEnd(row: u32): usize {
  return codes + codeStride * row + codeStride;
}

@inline
export function queryAt(): usize {
  return query;
}

/** The length of the level's lists. */
@inline
export function listMax(): u32 {
  return level == 0 ? linksMax : upperMax;
}

/** Where the row's list of the level is. */
@inline
export function listAt(row: u32): usize {
  if (level == 0) return links + (<usize>(row * linksMax) << 2);
  const list = load<u32>(upperStarts + (<usize>row << 2)) + level - 1;
  return upperLinks + (<usize>(list * upperMax) << 2);
}

/** From the query; smaller is nearer. */
@inline
export function distanceTo(row: u32): f32 {
  const start = codes + codeStride * row;
  const end = start + codeStride;
  let code = start;
  let value = query;
  let sum0 = i32x4.splat(0);
  let sum1 = sum0;
  do {
    sum0 = i32x4.add(sum0, i32x4.dot_i16x8_s(v128.load_ext<i8>(code), v128.load(value)));
    sum1 = i32x4.add(sum1, i32x4.dot_i16x8_s(v128.load_ext<i8>(code, 8), v128.load(value, 16)));
    code += 16;
    value += 32;
  } while (code < end);
  const sum = i32x4.add(sum0, sum1);
  const dot =
    i32x4.extract_lane(sum, 0) +
    i32x4.extract_lane(sum, 1) +
    i32x4.extract_lane(sum, 2) +
    i32x4.extract_lane(sum, 3);
  return <f32>dot * factor * load<f32>(end - 8) + load<f32>(end - 4);
}

/** A distance and a row as one number that sorts by distance, then by row. */
@inline
export function entryOf(distance: f32, row: u32): u64 {
  const bits = reinterpret<i32>(distance);
  const ordered = <u32>(bits ^ ((bits >> 31) | 0x80000000));
  return ((<u64>ordered) << 32) | row;
}

@inline
export function distanceOf(entry: u64): f32 {
  const ordered = <i32>(entry >> 32);
  return reinterpret<f32>(ordered ^ (~(ordered >> 31) | 0x80000000));
}

/** 1 for a row that was not visited, which it is from here on; without a branch to mispredict. */
@inline
function visit(row: u32): u32 {
  const at = visited + (row >> 3);
  const bits = <u32>load<u8>(at);
  store<u8>(at, bits | (1 << (row & 7)));
  return ((bits >> (row & 7)) & 1) ^ 1;
}

// Reading one byte of each cache line early lets the processor fetch them all at the same time.
@inline
function touch(start: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 64) touched += load<u8>(start + at);
}

/** Copies those of a list's rows that were not visited to `fresh`; their codes are on their way. */
@inline
function takeNew(list: usize, fresh: usize): u32 {
  let count: u32 = 0;
  const max = listMax();
  for (let place: u32 = 0; place < max; place++) {
    const row = load<u32>(list + (<usize>place << 2));
    if (row == none) break;
    store<u32>(fresh + (<usize>count << 2), row);
    count += visit(row);
  }
  for (let place: u32 = 0; place < count; place++) {
    touch(codes + codeStride * load<u32>(fresh + (<usize>place << 2)), codeStride);
  }
  return count;
}

// Two heaps of entries: the nearest candidate first, the farthest result first. Entries of the
// second are stored inverted, so that one order serves both.
function rise(heap: usize, place: u32, entry: u64): void {
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const other = load<u64>(heap + (<usize>parent << 3));
    if (other <= entry) break;
    store<u64>(heap + (<usize>place << 3), other);
    place = parent;
  }
  store<u64>(heap + (<usize>place << 3), entry);
}

export function sink(heap: usize, size: u32, start: u32, entry: u64): void {
  let place = start;
  for (let child: u32 = 2 * place + 1; child < size; child = 2 * place + 1) {
    let other = load<u64>(heap + (<usize>child << 3));
    if (child + 1 < size) {
      const second = load<u64>(heap + (<usize>(child + 1) << 3));
      if (second < other) {
        other = second;
        child++;
      }
    }
    if (entry <= other) break;
    store<u64>(heap + (<usize>place << 3), other);
    place = child;
  }
  store<u64>(heap + (<usize>place << 3), entry);
}

// Of the candidates only those can still be expanded that are results too: at most the width.
function forgetFar(heap: usize, size: u32, farthest: u64): u32 {
  let kept: u32 = 0;
  for (let place: u32 = 0; place < size; place++) {
    const entry = load<u64>(heap + (<usize>place << 3));
    if (entry > farthest) continue;
    store<u64>(heap + (<usize>kept << 3), entry);
    kept++;
  }
  for (let place = <i32>(kept >> 1); place >= 0; place--) {
    if (<u32>place < kept) {
      sink(heap, kept, <u32>place, load<u64>(heap + (<usize>place << 3)));
    }
  }
  return kept;
}

/** From `start` always to the nearest neighbour, on the level that is set. */
export function descend(start: u32): u32 {
  let nearest = start;
  let shortest = distanceTo(nearest);
  let moved = true;
  while (moved) {
    moved = false;
    const list = listAt(nearest);
    const max = listMax();
    for (let place: u32 = 0; place < max; place++) {
      const row = load<u32>(list + (<usize>place << 2));
      if (row == none) break;
      const distance = distanceTo(row);
      // Not `>=`: what is no number must not be moved to.
      if (!(distance < shortest)) continue;
      shortest = distance;
      nearest = row;
      moved = true;
    }
  }
  return nearest;
}

/**
 * Looks from `start` for the `width` rows nearest to the query, on the level that is set. They come
 * as a heap of inverted entries in `results`; returns how many.
 * `candidates` has room for `2 x width + linksMax` entries of 8 bytes, `results` for `width`, and
 * `fresh` for `linksMax + 1` numbers.
 */
export function searchLevel(
  start: u32,
  width: u32,
  candidates: usize,
  results: usize,
  fresh: usize,
): u32 {
  memory.fill(visited, 0, visitedBytes);
  const max = listMax();
  const room: u32 = 2 * width + max;
  visit(start);
  const first = entryOf(distanceTo(start), start);
  store<u64>(candidates, first);
  store<u64>(results, ~first);
  let waiting: u32 = 1;
  let kept: u32 = 1;
  let farthest = first;
  while (waiting > 0) {
    const nearest = load<u64>(candidates);
    if (nearest > farthest && kept == width) break;
    waiting--;
    if (waiting > 0) sink(candidates, waiting, 0, load<u64>(candidates + (<usize>waiting << 3)));
    if (waiting > 0) {
      touch(listAt(<u32>load<u64>(candidates)), <usize>max << 2);
    }
    if (waiting + max > room) waiting = forgetFar(candidates, waiting, farthest);
    const count = takeNew(listAt(<u32>nearest), fresh);
    for (let place: u32 = 0; place < count; place++) {
      const row = load<u32>(fresh + (<usize>place << 2));
      const entry = entryOf(distanceTo(row), row);
      if (kept < width) {
        rise(results, kept, ~entry);
        kept++;
      } else {
        if (entry >= farthest) continue;
        sink(results, kept, 0, ~entry);
      }
      farthest = ~load<u64>(results);
      rise(candidates, waiting, entry);
      waiting++;
    }
  }
  return kept;
}
