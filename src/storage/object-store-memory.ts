// Objects in the memory of one process: for the simulator and for tests.
import {
  assertObjectKey,
  assertObjectPrefix,
  type ObjectStore,
  objectDiffers,
} from "./object-store.js";

export function memoryObjectStore(): ObjectStore {
  const objects = new Map<string, Uint8Array>();
  return {
    async put(key, bytes) {
      assertObjectKey(key);
      const present = objects.get(key);
      if (present === undefined) objects.set(key, Uint8Array.from(bytes));
      else if (Buffer.compare(present, bytes) !== 0) throw objectDiffers(key);
    },
    async get(key) {
      assertObjectKey(key);
      const bytes = objects.get(key);
      return bytes === undefined ? undefined : Uint8Array.from(bytes);
    },
    async delete(key) {
      assertObjectKey(key);
      objects.delete(key);
    },
    async list(prefix) {
      assertObjectPrefix(prefix);
      return [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    },
  };
}
