// Splits what is larger than a message may be into numbered parts of one request.

export interface PartLimits {
  readonly itemsMax: number;
  /** Parts are made smaller until they are no larger than this, or hold one item. */
  readonly bytesMax: number;
}

export interface Part {
  readonly body: Uint8Array;
  readonly count: number;
}

const samples = 32;

/** In the order of the items: the same items under the same limits are the same parts again. */
export function* partsOf<Item>(
  items: readonly Item[],
  encode: (items: readonly Item[], part: number) => Uint8Array,
  limits: PartLimits,
): Generator<Part> {
  const step = Math.min(limits.itemsMax, guess(items, encode, limits.bytesMax));
  let part = 0;
  const waiting: (readonly Item[])[] = [];
  for (let start = 0; start === 0 || start < items.length; start += step) {
    waiting.push(items.slice(start, start + step));
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const body = encode(next, part);
      if (body.length <= limits.bytesMax || next.length <= 1) {
        yield { body, count: next.length };
        part += 1;
        continue;
      }
      const half = Math.ceil(next.length / 2);
      waiting.push(next.slice(half), next.slice(0, half));
    }
  }
}

/** How many items would fill a part, judged by some of them; with room for larger ones. */
function guess<Item>(
  items: readonly Item[],
  encode: (items: readonly Item[], part: number) => Uint8Array,
  bytesMax: number,
): number {
  const stride = Math.max(1, Math.floor(items.length / samples));
  const some = items.filter((_, index) => index % stride === 0).slice(0, samples);
  if (some.length === 0) return 1;
  const bytesEach = encode(some, 0).length / some.length;
  return Math.max(1, Math.floor((bytesMax * 0.9) / bytesEach));
}
