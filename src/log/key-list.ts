// The keys of a range's rows in as little memory as they need: there are as many as rows.
import type { Key } from "../rows/schema.js";

/** By which a map holds a key: numbers are found sooner there than big integers. */
export type MapKey = number | bigint | string;

export function mapKeyOf(key: Key): MapKey {
  if (typeof key === "string") return key;
  const number = Number(key);
  return Number.isSafeInteger(number) ? number : key;
}

/** `mapKeyOf` of each, without a big integer for those that are none. */
export function mapKeysOf(keys: BigInt64Array): MapKey[] {
  const halves = new Int32Array(keys.buffer, keys.byteOffset, keys.length * 2);
  const mapKeys = new Array<MapKey>(keys.length);
  for (let place = 0; place < keys.length; place += 1) {
    const low = (halves[place * 2] as number) >>> 0;
    const number = (halves[place * 2 + 1] as number) * 2 ** 32 + low;
    mapKeys[place] = Number.isSafeInteger(number) ? number : (keys[place] as bigint);
  }
  return mapKeys;
}

/** Keys are all integers or all text, as their field says. */
export class KeyList {
  #integers: BigInt64Array | null = null;
  readonly #texts: string[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(key: Key): void {
    if (typeof key === "string") this.#texts.push(key);
    else this.#roomFor(1)[this.#count] = key;
    this.#count += 1;
  }

  pushIntegers(keys: BigInt64Array): void {
    this.#roomFor(keys.length).set(keys, this.#count);
    this.#count += keys.length;
  }

  at(offset: number): Key {
    if (offset >= this.#count) throw new RangeError(`key ${offset} of ${this.#count}`);
    const integers = this.#integers;
    return integers === null ? (this.#texts[offset] as string) : (integers[offset] as bigint);
  }

  /** Keeps the first `count`. */
  truncate(count: number): void {
    this.#count = count;
    if (this.#integers === null) this.#texts.length = count;
  }

  #roomFor(added: number): BigInt64Array {
    const integers = this.#integers ?? new BigInt64Array(1_024);
    this.#integers = integers;
    const needed = this.#count + added;
    if (needed <= integers.length) return integers;
    const larger = new BigInt64Array(Math.max(needed, integers.length * 2));
    larger.set(integers);
    this.#integers = larger;
    return larger;
  }
}
