// The object stores against their contract.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileObjectStore } from "../../src/storage/object-store-file.js";
import { memoryObjectStore } from "../../src/storage/object-store-memory.js";
import { objectStoreContract } from "./object-store.js";

objectStoreContract("memory", async () => ({ store: memoryObjectStore() }));

objectStoreContract("file", async () => {
  const root = await mkdtemp(join(tmpdir(), "elanus-objects-"));
  const store = await openFileObjectStore(root);
  return { store, close: () => rm(root, { recursive: true }) };
});
