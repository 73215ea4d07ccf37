// Metadata in the memory of one process: for the simulator and for tests.
import {
  assertMetadataKey,
  assertMetadataPrefix,
  assertMetadataValue,
  assertRevision,
  conflict,
  type MetadataStore,
  outcomeOfDelete,
  outcomeOfWrite,
  type StoredValue,
  type WriteOutcome,
} from "./metadata-store.js";

export function memoryMetadataStore(): MetadataStore {
  const records = new Map<string, StoredValue>();
  let lastRevision = 0;

  function write(key: string, value: Uint8Array, expected: number): WriteOutcome {
    assertMetadataKey(key);
    assertMetadataValue(key, value);
    const stored = records.get(key);
    if ((stored?.revision ?? 0) !== expected) {
      return outcomeOfWrite(stored, value, expected) ?? conflict;
    }
    lastRevision += 1;
    records.set(key, { value: value.slice(), revision: lastRevision });
    return { ok: true, revision: lastRevision };
  }

  return {
    async get(key) {
      assertMetadataKey(key);
      const stored = records.get(key);
      return stored && { value: stored.value.slice(), revision: stored.revision };
    },
    async create(key, value) {
      return write(key, value, 0);
    },
    async update(key, value, revision) {
      assertRevision(revision);
      return write(key, value, revision);
    },
    async delete(key, revision) {
      assertMetadataKey(key);
      assertRevision(revision);
      const outcome = outcomeOfDelete(records.get(key), revision);
      if (outcome !== undefined) return outcome;
      lastRevision += 1;
      records.delete(key);
      return { ok: true, revision };
    },
    async list(prefix) {
      assertMetadataPrefix(prefix);
      return [...records]
        .filter(([key]) => key.startsWith(prefix))
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([key, { value, revision }]) => ({ key, value: value.slice(), revision }));
    },
  };
}
