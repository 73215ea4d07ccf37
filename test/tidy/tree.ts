// Reads the project's own files, as they lie, for the tidy checks.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, type Source } from "./source.js";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const notOurs = new Set([".git", "node_modules", "dist", ".elanus", "coverage"]);

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Every text file of the project, sorted by path. */
export function textFiles(): readonly TextFile[] {
  return pathsUnder(root).map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

export function sourcesOf(files: readonly TextFile[]): readonly Source[] {
  return files
    .filter(({ path }) => /\.(ts|mjs|js)$/.test(path))
    .map(({ path, text }) => parse(path, text));
}

function pathsUnder(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter(
      (entry) => !notOurs.has(entry.name) && !/\.(log|png|arrow|tsbuildinfo)$/.test(entry.name),
    )
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return pathsUnder(path);
      return entry.isFile() ? [relative(root, path).split(sep).join("/")] : [];
    })
    .sort();
}
