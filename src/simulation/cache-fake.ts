// A shared cache that forgets, and gives what was put under other keys, cut, bent or made up.
import { seal, unseal } from "../storage/sealed-cache.js";
import type { World } from "./world.js";

const secret = "of the simulated cluster";
const entriesMax = 200;
const macBytes = 32;

export class CacheFake {
  readonly #world: World;
  readonly #stored = new Map<string, Uint8Array>();

  constructor(world: World) {
    this.#world = world;
  }

  write(key: string, bytes: Uint8Array): void {
    if (this.#world.strikes("cacheForgets")) return;
    const [oldest] = this.#stored.keys();
    if (this.#stored.size >= entriesMax && oldest !== undefined) this.#stored.delete(oldest);
    this.#stored.set(key, seal(secret, key, bytes));
  }

  read(key: string): Uint8Array | null {
    if (this.#world.strikes("cacheForgets")) this.#stored.delete(key);
    const stored = this.#world.strikes("cachePoisoned")
      ? this.#poisoned(key)
      : this.#stored.get(key);
    if (stored === undefined) return null;
    if (this.#world.mutant?.host?.trustsCache === true) return stored.subarray(macBytes);
    return unseal(secret, key, stored) ?? null;
  }

  #poisoned(key: string): Uint8Array | undefined {
    const { random } = this.#world;
    const values = [...this.#stored.values()];
    if (values.length === 0) return new Uint8Array([random.below(256)]);
    const other = random.pick(values);
    const kind = random.below(3);
    if (kind === 0) return other;
    const bytes = (this.#stored.get(key) ?? other).slice();
    if (kind === 1) return bytes.subarray(0, random.below(bytes.length));
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    return bytes;
  }
}
