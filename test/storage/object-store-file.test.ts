// What the file store promises beyond the contract: no half-written object, no leftovers.
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { UnavailableError } from "../../src/storage/errors.js";
import { openFileObjectStore } from "../../src/storage/object-store-file.js";

const bytes = new TextEncoder().encode("object");
let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "elanus-objects-"));
});
afterEach(() => rm(root, { recursive: true }));

it("keeps objects where they can be found by another process", async () => {
  await (await openFileObjectStore(root)).put("c/d/a.arrow", bytes);
  expect(await readFile(join(root, "c/d/a.arrow"), "utf8")).toBe("object");
  const other = await openFileObjectStore(root);
  expect(await other.get("c/d/a.arrow")).toEqual(bytes);
  expect(await other.list("")).toEqual(["c/d/a.arrow"]);
});

it("leaves nothing behind, whether a put succeeds or fails", async () => {
  const store = await openFileObjectStore(root);
  await store.put("a", bytes);
  await store.put("a", bytes);
  await expect(store.put("a", new Uint8Array(3))).rejects.toThrow("other bytes");
  await writeFile(join(root, "file"), "in the way");
  await expect(store.put("file/below", bytes)).rejects.toThrow(UnavailableError);
  expect(await readdir(join(root, ".incoming"))).toEqual([]);
});

it("never shows what a writer that died had not finished, and removes it when it is old", async () => {
  await openFileObjectStore(root);
  const fresh = join(root, ".incoming", "fresh");
  const old = join(root, ".incoming", "old");
  for (const path of [fresh, old]) await writeFile(path, "half an obj");
  const twoHoursAgo = Date.now() / 1000 - 7200;
  await utimes(old, twoHoursAgo, twoHoursAgo);
  const store = await openFileObjectStore(root);
  expect(await store.list("")).toEqual([]);
  expect(await readdir(join(root, ".incoming"))).toEqual(["fresh"]);
});

it("tells unavailability from a missing object", async () => {
  const blocked = join(root, "blocked");
  await writeFile(blocked, "no folder");
  await expect(openFileObjectStore(blocked)).rejects.toThrow(UnavailableError);
});
