// Which files nothing leads to from a program or a test, and which imports lead nowhere.
import { type Finding, importsOf, type Source } from "./source.js";

/** Files that the reader of imports cannot see to be used; each says who uses it. */
export type Exceptions = Readonly<Record<string, string>>;

export function unreachable(
  sources: readonly Source[],
  entries: readonly string[],
  exceptions: Exceptions,
): readonly Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set(entries);
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = byPath.get(path);
    for (const file of source === undefined ? [] : filesImportedBy(source)) {
      if (!reached.has(file)) waiting.push(file);
      reached.add(file);
    }
  }
  return sources
    .filter(({ path }) => !reached.has(path) && exceptions[path] === undefined)
    .map(({ path }) => ({ path, line: 1, message: "nothing uses this file: remove it or use it" }));
}

export function brokenImports(sources: readonly Source[]): readonly Finding[] {
  const paths = new Set(sources.map(({ path }) => path));
  return sources.flatMap((source) =>
    importsOf(source)
      .filter(({ file }) => file !== undefined && /\.(ts|mjs)$/.test(file) && !paths.has(file))
      .map(({ file, line }) => ({ path: source.path, line, message: `there is no ${file}` })),
  );
}

function filesImportedBy(source: Source): readonly string[] {
  return importsOf(source).flatMap(({ file }) => (file === undefined ? [] : [file]));
}
