// Insertion into an HNSW graph over 8-bit codes of vectors, in AssemblyScript: algorithms 1 and 4
// of Malkov and Yashunin (arXiv 1603.09320), with the choices that hnswlib makes in them. A row's
// code, widened by the weights of the dimensions, is the query that finds its neighbours.
import {
  codeAt,
  codeEnd,
  descend,
  distanceOf,
  distanceTo,
  entryOf,
  listAt,
  listMax,
  none,
  queryAt,
  searchLevel,
  setFactor,
  setLevel,
  sink,
} from "./graph-core.as";

let entry: u32 = 0;
let top: u32 = 0;
let weights: usize = 0;
let weightsEnd: usize = 0;
let worth: f32 = 0;
let chosenMax: u32 = 0;
let candidates: usize = 0;
let results: usize = 0;
let fresh: usize = 0;
let chosen: usize = 0;
let around: usize = 0;
let kept: usize = 0;

/** Where a search starts, and on which level. */
export function setEntry(row: u32, level: u32): void {
  entry = row;
  top = level;
}

export function entryRow(): u32 {
  return entry;
}

export function topLevel(): u32 {
  return top;
}

/**
 * `weightsAt`: int16 a dimension, 0 behind the last one, `stride` of them: what a code is
 * multiplied with to become a query, in units of 1/128. `scale`: what the product of a row's code
 * with a query made of another row's is worth, besides both rows' factors. `max`: the links that
 * a new row gets. The scratch is what `searchLevel` asks for, and then numbers for `max` rows,
 * entries of 8 bytes for a list of links and one more, and numbers for as many.
 */
export function setInsertion(
  weightsAt: usize,
  stride: usize,
  scale: f32,
  max: u32,
  candidatesAt: usize,
  resultsAt: usize,
  freshAt: usize,
  chosenAt: usize,
  aroundAt: usize,
  keptAt: usize,
): void {
  weights = weightsAt;
  weightsEnd = weightsAt + (stride << 1);
  worth = scale;
  chosenMax = max;
  candidates = candidatesAt;
  results = resultsAt;
  fresh = freshAt;
  chosen = chosenAt;
  around = aroundAt;
  kept = keptAt;
}

/** Makes a row the query; returns what is to be added to distances from it to compare them. */
function takeRow(row: u32): f32 {
  let code = codeAt(row);
  let value = queryAt();
  for (let weight = weights; weight < weightsEnd; weight += 16) {
    const shifted = i16x8.shl(v128.load_ext<i8>(code), 8);
    v128.store(value, i16x8.q15mulr_sat_s(shifted, v128.load(weight)));
    code += 8;
    value += 16;
  }
  const end = codeEnd(row);
  setFactor(worth * load<f32>(end - 8));
  return load<f32>(end - 4);
}

// The heap of inverted entries becomes a list of entries, the nearest first.
function sort(heap: usize, size: u32): void {
  for (let left = size; left > 0; ) {
    left--;
    const farthest = ~load<u64>(heap);
    sink(heap, left, 0, load<u64>(heap + (<usize>left << 3)));
    store<u64>(heap + (<usize>left << 3), farthest);
  }
}

/**
 * Of `size` entries, the nearest first, those that are nearer to the row they were sought for than
 * to any that was chosen before, at most `max`; all where there are fewer. `base` is what
 * `takeRow` returned for that row. Writes row numbers to `target`; returns how many.
 */
function choose(entries: usize, size: u32, base: f32, max: u32, target: usize): u32 {
  let count: u32 = 0;
  for (let place: u32 = 0; place < size && count < max; place++) {
    const entry = load<u64>(entries + (<usize>place << 3));
    const row = <u32>entry;
    if (size >= max && !isApart(row, distanceOf(entry) + base, target, count)) continue;
    store<u32>(target + (<usize>count << 2), row);
    count++;
  }
  return count;
}

function isApart(row: u32, distance: f32, others: usize, count: u32): bool {
  const limit = distance - takeRow(row);
  for (let place: u32 = 0; place < count; place++) {
    if (distanceTo(load<u32>(others + (<usize>place << 2))) < limit) return false;
  }
  return true;
}

function writeList(list: usize, max: u32, rows: usize, count: u32): void {
  memory.copy(list, rows, <usize>count << 2);
  for (let place = count; place < max; place++) store<u32>(list + (<usize>place << 2), none);
}

/** Adds a link; of a full list only those stay that `choose` takes. */
function link(from: u32, to: u32): void {
  const list = listAt(from);
  const max = listMax();
  const last = list + (<usize>(max - 1) << 2);
  if (load<u32>(last) == none) {
    let free = list;
    while (load<u32>(free) != none) free += 4;
    store<u32>(free, to);
    return;
  }
  const base = takeRow(from);
  for (let place: u32 = 0; place < max; place++) {
    insertSorted(place, load<u32>(list + (<usize>place << 2)));
  }
  insertSorted(max, to);
  writeList(list, max, kept, choose(around, max + 1, base, max, kept));
}

function insertSorted(count: u32, row: u32): void {
  const entry = entryOf(distanceTo(row), row);
  let place = around + (<usize>count << 3);
  while (place > around && load<u64>(place - 8) > entry) {
    store<u64>(place, load<u64>(place - 8));
    place -= 8;
  }
  store<u64>(place, entry);
}

/** Links a row that has a code and empty lists, of all levels up to `level`. */
export function insert(row: u32, level: u32, width: u32): void {
  takeRow(row);
  let start = entry;
  for (let higher = top; higher > level; higher--) {
    setLevel(higher);
    start = descend(start);
  }
  for (let lower = <i32>min(level, top); lower >= 0; lower--) {
    setLevel(lower);
    const base = takeRow(row);
    const size = searchLevel(start, width, candidates, results, fresh);
    sort(results, size);
    start = <u32>load<u64>(results);
    const count = choose(results, size, base, chosenMax, chosen);
    writeList(listAt(row), listMax(), chosen, count);
    for (let place: u32 = 0; place < count; place++) {
      link(load<u32>(chosen + (<usize>place << 2)), row);
    }
  }
  if (level > top) setEntry(row, level);
}
