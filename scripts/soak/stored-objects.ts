// Which objects of a store no manifest names, though they have had time to be named or collected.
import { decodeManifest, decodeRoot, objectKeysOf } from "../../src/storage/manifest.js";
import type { MetadataStore } from "../../src/storage/metadata-store.js";
import type { ObjectStore } from "../../src/storage/object-store.js";

export interface Stored {
  readonly objects: number;
  /** Those that have been there, unnamed, for longer than the grace. */
  readonly orphans: number;
}

export class StoredObjects {
  readonly #objects: ObjectStore;
  readonly #metadata: MetadataStore;
  readonly #graceMs: number;
  /** By key, when it was first seen without a name. */
  readonly #unnamedSince = new Map<string, number>();

  constructor(objects: ObjectStore, metadata: MetadataStore, graceMs: number) {
    this.#objects = objects;
    this.#metadata = metadata;
    this.#graceMs = graceMs;
  }

  /** Rejects when a store is away. */
  async look(nowMs: number): Promise<Stored> {
    const keys = await this.#objects.list("");
    const named = await this.#named();
    const unnamed = new Set(keys.filter((key) => !named.has(key)));
    for (const key of this.#unnamedSince.keys()) {
      if (!unnamed.has(key)) this.#unnamedSince.delete(key);
    }
    for (const key of unnamed) {
      if (!this.#unnamedSince.has(key)) this.#unnamedSince.set(key, nowMs);
    }
    const since = [...this.#unnamedSince.values()];
    const orphans = since.filter((atMs) => nowMs - atMs > this.#graceMs).length;
    return { objects: keys.length, orphans };
  }

  async #named(): Promise<ReadonlySet<string>> {
    const named = new Set<string>();
    for (const { value } of await this.#metadata.list("roots.")) {
      const { manifest } = decodeRoot(value);
      if (manifest === null) continue;
      named.add(manifest.key);
      const bytes = await this.#objects.get(manifest.key);
      const decoded = bytes === undefined ? null : decodeManifest(bytes);
      if (decoded?.ok) for (const key of objectKeysOf(decoded.manifest)) named.add(key);
    }
    return named;
  }
}
