// Objects as files under a folder, which the hosts of one machine may share.
import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { UnavailableError } from "./errors.js";
import {
  assertObjectKey,
  assertObjectPrefix,
  type ObjectStore,
  objectDiffers,
} from "./object-store.js";

/** Begins with a dot, as no part of a key can. */
const incomingFolder = ".incoming";
const abandonedAfterMs = 3_600_000;

/** Creates the folder when it is missing, and removes what writers that died left half-written. */
export async function openFileObjectStore(root: string): Promise<ObjectStore> {
  const folder = resolve(root);
  await guarded("open the object store", async () => {
    await mkdir(join(folder, incomingFolder), { recursive: true });
    await removeAbandoned(join(folder, incomingFolder));
  });
  return {
    async put(key, bytes) {
      assertObjectKey(key);
      await guarded(`put '${key}'`, () => putFile(folder, key, bytes));
    },
    async get(key) {
      assertObjectKey(key);
      return guarded(`get '${key}'`, () => readIfPresent(join(folder, key)));
    },
    async delete(key) {
      assertObjectKey(key);
      await guarded(`delete '${key}'`, () => rm(join(folder, key), { force: true }));
    },
    async list(prefix) {
      assertObjectPrefix(prefix);
      const start = prefix.slice(0, prefix.lastIndexOf("/") + 1);
      const keys = await guarded(`list '${prefix}'`, () => keysUnder(folder, start));
      return keys.filter((key) => key.startsWith(prefix)).sort();
    },
  };
}

async function putFile(root: string, key: string, bytes: Uint8Array): Promise<void> {
  const path = join(root, key);
  const temporary = join(root, incomingFolder, randomUUID());
  try {
    await writeDurably(temporary, bytes);
    await makeFolder(dirname(path));
    if (!(await linkIfAbsent(temporary, path))) await assertSame(key, path, bytes);
    await syncFolder(dirname(path));
  } finally {
    await rm(temporary, { force: true });
  }
}

/** A link, not a rename: a rename would replace another writer's object in silence. */
async function linkIfAbsent(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

async function assertSame(key: string, path: string, bytes: Uint8Array): Promise<void> {
  const present = await readIfPresent(path);
  if (present === undefined || Buffer.compare(present, bytes) !== 0) throw objectDiffers(key);
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A new folder is only durable once the folder that names it is. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) {
    await syncFolder(dirname(made));
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function readIfPresent(path: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await readFile(path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The keys of all objects in a folder (`""` or ending in a slash) and the folders in it. */
async function keysUnder(root: string, folder: string): Promise<string[]> {
  const entries = await entriesOf(join(root, folder));
  const keys: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    if (entry.isDirectory()) keys.push(...(await keysUnder(root, `${folder}${entry.name}/`)));
    else keys.push(folder + entry.name);
  }
  return keys;
}

async function entriesOf(path: string) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  const oldest = Date.now() - abandonedAfterMs;
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    const modifiedMs = await stat(path).then(
      (facts) => facts.mtimeMs,
      () => Number.POSITIVE_INFINITY,
    );
    if (modifiedMs < oldest) await rm(path, { force: true });
  }
}

async function guarded<Result>(operation: string, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Error && "syscall" in error) throw new UnavailableError(operation, error);
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "EISDIR"].includes(String(codeOf(error)));
}
