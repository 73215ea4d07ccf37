// An object store that is away at times, answers late, loses answers and flips a bit now and then.
import { UnavailableError } from "../storage/errors.js";
import type { ObjectStore } from "../storage/object-store.js";
import type { World } from "./world.js";

export class ObjectsFake {
  readonly #world: World;
  readonly stored = new Map<string, Uint8Array>();
  awayUntilMs = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get isAway(): boolean {
    return this.#world.hasFaults && this.#world.nowMs < this.awayUntilMs;
  }

  /** Throws `UnavailableError`: then it may have been written nevertheless. */
  put(key: string, bytes: Uint8Array): void {
    const isUnknown = this.#world.strikes("outcomeLost");
    if (this.isAway && !this.#world.random.chance(0.2)) throw away("put", key);
    const present = this.stored.get(key);
    if (present === undefined) this.stored.set(key, bytes.slice());
    else this.#world.auditor.objectWrittenAgain(key, present, bytes);
    if (isUnknown || this.isAway) throw away("put", key);
  }

  get(key: string): Uint8Array | undefined {
    if (this.isAway || this.#world.strikes("outcomeLost")) throw away("get", key);
    const bytes = this.stored.get(key)?.slice();
    if (bytes !== undefined && bytes.length > 0 && this.#world.strikes("corruptRead")) {
      const at = this.#world.random.below(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << this.#world.random.below(8));
    }
    return bytes;
  }

  delete(key: string): void {
    if (this.isAway) throw away("delete", key);
    this.#world.auditor.objectDeleting(key);
    this.stored.delete(key);
    if (this.#world.strikes("outcomeLost")) throw away("delete", key);
  }

  list(prefix: string): string[] {
    if (this.isAway) throw away("list", prefix);
    return [...this.stored.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  /** For compute jobs: what is read comes when its time has come. */
  portOf(reach: (task: () => void) => void): ObjectStore {
    const refuse = () => Promise.reject(new Error("a compute job only reads objects"));
    return {
      get: (key) =>
        new Promise((resolve, reject) => {
          reach(() => {
            try {
              resolve(this.get(key));
            } catch (error) {
              reject(error);
            }
          });
        }),
      put: refuse,
      delete: refuse,
      list: refuse,
    };
  }
}

function away(operation: string, key: string): UnavailableError {
  return new UnavailableError(`${operation} '${key}'`, "simulated");
}
