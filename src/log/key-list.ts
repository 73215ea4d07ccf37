// The keys of a range's rows in as little memory as they need: there are as many as rows.
import type { Key } from "../rows/schema.js";

/** By which a map holds a key: numbers are found sooner there than big integers. */
export type MapKey = number | bigint | string;

export function mapKeyOf(key: Key): MapKey {
  if (typeof key === "string") return key;
  const number = Number(key);
  return Number.isSafeInteger(number) ? number : key;
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
    else this.#roomForOne()[this.#count] = key;
    this.#count += 1;
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

  #roomForOne(): BigInt64Array {
    const integers = this.#integers ?? new BigInt64Array(1_024);
    this.#integers = integers;
    if (this.#count < integers.length) return integers;
    const larger = new BigInt64Array(integers.length * 2);
    larger.set(integers);
    this.#integers = larger;
    return larger;
  }
}
