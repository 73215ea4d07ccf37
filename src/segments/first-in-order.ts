// The first few of many entries in an order of the caller's, without sorting the rest.

/** Whether entry `a` stands before entry `b`; a strict order. */
export type IsBefore = (a: number, b: number) => boolean;

/** The first `limit` of the entries 0 to `count - 1` (null: all of them), in order. */
export function firstInOrder(count: number, limit: number | null, isBefore: IsBefore): Uint32Array {
  const kept = Math.min(count, limit ?? count);
  const entries = kept === count ? everyEntry(count) : heapOfFirst(count, kept, isBefore);
  return entries.sort((a, b) => (isBefore(a, b) ? -1 : isBefore(b, a) ? 1 : 0));
}

function everyEntry(count: number): Uint32Array {
  const entries = new Uint32Array(count);
  for (let entry = 0; entry < count; entry++) entries[entry] = entry;
  return entries;
}

/** A heap with the last of the kept entries at its root, which one before it replaces. */
function heapOfFirst(count: number, kept: number, isBefore: IsBefore): Uint32Array {
  const heap = everyEntry(kept);
  if (kept === 0) return heap;
  for (let place = kept >> 1; place >= 0; place--) sink(heap, place, isBefore);
  for (let entry = kept; entry < count; entry++) {
    if (!isBefore(entry, heap[0] as number)) continue;
    heap[0] = entry;
    sink(heap, 0, isBefore);
  }
  return heap;
}

function sink(heap: Uint32Array, start: number, isBefore: IsBefore): void {
  let place = start;
  const entry = heap[place] as number;
  for (let child = 2 * place + 1; child < heap.length; child = 2 * place + 1) {
    const second = child + 1;
    if (second < heap.length && isBefore(heap[child] as number, heap[second] as number))
      child = second;
    if (!isBefore(entry, heap[child] as number)) break;
    heap[place] = heap[child] as number;
    place = child;
  }
  heap[place] = entry;
}
