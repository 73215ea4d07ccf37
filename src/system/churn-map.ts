// A map for entries that come and go all the time, as requests do.

/** Rebuilt after as many removals as it has entries, and these. */
const spareRemovals = 64;

/**
 * What JavaScript's own map has outgrown keeps pointing at what followed it. Once a piece of it is
 * old, the collector takes all that comes after for alive, every entry that ever was among it,
 * until it looks at the whole heap: half of a busy client's garbage was carried around by that.
 */
export class ChurnMap<Key, Value> {
  #map = new Map<Key, Value>();
  #removed = 0;

  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  set(key: Key, value: Value): this {
    this.#map.set(key, value);
    return this;
  }

  /** Nobody may walk through the map meanwhile. */
  delete(key: Key): boolean {
    if (!this.#map.delete(key)) return false;
    this.#removed += 1;
    if (this.#removed > this.#map.size + spareRemovals) {
      this.#map = new Map(this.#map);
      this.#removed = 0;
    }
    return true;
  }

  keys(): IterableIterator<Key> {
    return this.#map.keys();
  }

  [Symbol.iterator](): IterableIterator<[Key, Value]> {
    return this.#map[Symbol.iterator]();
  }
}
