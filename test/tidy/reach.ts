// Which files nothing leads to from a program or a test, and which imports lead nowhere.
import { type Finding, importsOf, type Source } from "./source.js";

/** Files that the reader of imports cannot see to be used; each says who uses it. */
export type Exceptions = Readonly<Record<string, string>>;

export function unreachable(
  sources: readonly Source[],
  entries: readonly string[],
  exceptions: Exceptions,
): readonly Finding[] {
  const reached = reachedFrom(sources, entries);
  return sources
    .filter(({ path }) => !reached.has(path) && exceptions[path] === undefined)
    .map(({ path }) => ({ path, line: 1, message: "nothing uses this file: remove it or use it" }));
}

/** What only tests may run, and yet comes with the program whose files are `entries`. */
export function shippedTestParts(
  sources: readonly Source[],
  entries: readonly string[],
  testOnly: (path: string) => boolean,
): readonly Finding[] {
  return [...reachedFrom(sources, entries)]
    .filter(testOnly)
    .map((path) => ({ path, line: 1, message: `only for tests, and ${entries.join()} runs it` }));
}

function reachedFrom(sources: readonly Source[], entries: readonly string[]): ReadonlySet<string> {
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
  return reached;
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
