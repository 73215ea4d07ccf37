// Purity through and through: nothing that an actor runs, however far below it, does I/O.
import { builtinOf, type Finding, importsOf, packageOf, type Source } from "./source.js";

const pureBuiltins = new Set(["node:crypto", "node:buffer", "node:assert"]);
const ioPackages = /^(nats|nact|hnswlib-node|etcd3|ioredis|pino|cockatiel|@aws-sdk\/|@nats-io\/)/;

/** One finding for each file of `from` that leads to I/O, with the way that leads there. */
export function pathsToInputOutput(
  sources: readonly Source[],
  from: (path: string) => boolean,
): readonly Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  return sources
    .filter(({ path }) => from(path))
    .flatMap((source) => {
      const way = wayToInputOutput(source, byPath);
      if (way === undefined) return [];
      const message = `runs I/O: ${way.join(" -> ")}; import its types only, or emit an effect`;
      return [{ path: source.path, line: 1, message }];
    });
}

/** Breadth first, so the way that it names is a shortest one. */
function wayToInputOutput(
  start: Source,
  byPath: ReadonlyMap<string, Source>,
): readonly string[] | undefined {
  const ways: (readonly string[])[] = [[start.path]];
  const seen = new Set([start.path]);
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    const source = byPath.get(way.at(-1) ?? "");
    for (const { file, specifier, typeOnly } of source === undefined ? [] : importsOf(source)) {
      if (typeOnly) continue;
      if (doesInputOutput(specifier)) return [...way, specifier];
      if (file === undefined || seen.has(file)) continue;
      seen.add(file);
      ways.push([...way, file]);
    }
  }
  return undefined;
}

function doesInputOutput(specifier: string): boolean {
  const builtin = builtinOf(specifier);
  if (builtin !== undefined) return !pureBuiltins.has(builtin);
  return ioPackages.test(packageOf(specifier));
}
