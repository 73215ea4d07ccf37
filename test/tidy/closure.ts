// Purity through and through: the rules of actors hold for all that an actor runs, however deep.
import { impuritiesOnceLoaded } from "./purity.js";
import { type Finding, importsOf, type Source } from "./source.js";

/** What is impure in the files that those of `pure` run, with a shortest way to each. */
export function impureBelow(
  sources: readonly Source[],
  pure: (path: string) => boolean,
): readonly Finding[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const starts = sources.map(({ path }) => path).filter(pure);
  return waysFrom(starts, byPath).flatMap((way) => {
    const source = byPath.get(way.at(-1) ?? "");
    if (source === undefined || pure(source.path)) return [];
    const route = `run by actors: ${way.join(" -> ")}; import its types only, or make it pure`;
    return impuritiesOnceLoaded(source).map((found) => ({
      ...found,
      message: `${found.message} (${route})`,
    }));
  });
}

/** For each file that runs with one of `starts`, a shortest way to it; breadth first. */
function waysFrom(
  starts: readonly string[],
  byPath: ReadonlyMap<string, Source>,
): readonly (readonly string[])[] {
  const ways = starts.map((start) => [start]);
  const seen = new Set(starts);
  for (const way of ways) {
    const source = byPath.get(way.at(-1) ?? "");
    for (const { file, typeOnly } of source === undefined ? [] : importsOf(source)) {
      if (typeOnly || file === undefined || seen.has(file)) continue;
      seen.add(file);
      ways.push([...way, file]); // The loop comes to it later.
    }
  }
  return ways;
}
