// A private file for the moment in which a library that knows only paths reads or writes it.
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Node refuses single reads and writes of 2 GiB and more.
const chunkBytes = 2 ** 28;

export interface ScratchFile {
  readonly path: string;
  readonly size: () => number;
  readonly write: (bytes: Uint8Array) => void;
  /** Fills `bytes` from the beginning of the file. */
  readonly read: (bytes: Uint8Array) => void;
}

/** Removes the file afterwards, come what may; throws what the file system throws. */
export function withScratchFile<Result>(use: (file: ScratchFile) => Result): Result {
  const directory = mkdtempSync(join(tmpdir(), "elanus-"));
  let descriptor: number | undefined;
  try {
    const path = join(directory, "index");
    descriptor = openSync(path, "wx+", 0o600);
    // Linux gives open files a path of their own. So the name can go at once, and a process that
    // is killed while it loads leaves no index behind on the disk.
    const isNameless = process.platform === "linux";
    if (isNameless) rmSync(directory, { recursive: true });
    return use(scratchFileOf(descriptor, isNameless ? `/proc/self/fd/${descriptor}` : path));
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
    rmSync(directory, { recursive: true, force: true });
  }
}

function scratchFileOf(descriptor: number, path: string): ScratchFile {
  return {
    path,
    size: () => fstatSync(descriptor).size,
    write: (bytes) => {
      for (let at = 0; at < bytes.length; ) {
        const length = Math.min(chunkBytes, bytes.length - at);
        at += writeSync(descriptor, bytes, at, length, at);
      }
    },
    read: (bytes) => {
      for (let at = 0; at < bytes.length; ) {
        const length = readSync(descriptor, bytes, at, Math.min(chunkBytes, bytes.length - at), at);
        if (length === 0) throw new Error(`the scratch file ends at ${at} of ${bytes.length}`);
        at += length;
      }
    },
  };
}
