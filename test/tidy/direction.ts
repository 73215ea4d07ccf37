// Who may import whom: actors know no actor, each engine has one file, dependencies point one way.
import { type Finding, type Import, importsOf, packageOf, type Source } from "./source.js";

/** The engines, each behind the one file that says how Elanus uses it. */
const soleImporters: Readonly<Record<string, string>> = {
  nact: "src/system/mailbox.ts",
  nats: "src/system/nats.ts",
  "hnswlib-node": "src/index/hnsw.ts",
  "@aws-sdk/*": "src/storage/object-store-s3.ts",
  etcd3: "src/storage/metadata-store-etcd.ts",
  ioredis: "src/storage/cache-redis.ts",
};

/** The parts of src/system that are types and pure values, and so may be known below it. */
const actorVocabulary = [
  "src/system/actor.ts",
  "src/system/client-request.ts",
  "src/system/compute.ts",
];

/** What any folder may name when it refuses something: the client's typed errors. */
const errorVocabulary = ["src/contract/errors.ts", "src/contract/nearest.ts"];

/** Everything that runs on a host, from the rows up to the actors. */
const hosted = [
  ...["src/rows", "src/messages", "src/filter", "src/contract", "src/storage", "src/index"],
  ...["src/segments", "src/log", "src/placement"],
];

/** What each folder may import beside itself and packages. A new folder needs a line here. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "src/rows": errorVocabulary,
  "src/messages": ["src/rows"],
  "src/filter": ["src/rows", ...errorVocabulary],
  "src/contract": ["src/rows", "src/messages", "src/filter", "src/system/client-request.ts"],
  "src/wasm": [],
  "src/storage": ["src/rows", "src/messages", "src/wasm"],
  "src/index": ["src/rows", "src/messages", "src/wasm"],
  "src/segments": [
    ...["src/rows", "src/messages", "src/filter", "src/index", "src/storage"],
    "src/system/compute.ts",
  ],
  "src/log": ["src/rows", "src/messages", "src/storage", ...actorVocabulary],
  "src/placement": ["src/rows", "src/messages", ...actorVocabulary],
  "src/actors": [...hosted, ...actorVocabulary],
  "src/client": ["src/rows", "src/messages", "src/filter", "src/contract", "src/system/nats.ts"],
  "src/system": [...hosted, "src/actors"],
  "src/simulation": [...hosted, "src/actors", "src/system"],
  scripts: ["src"],
  test: ["src", "scripts"],
};

export function strayEngines(source: Source): readonly Finding[] {
  if (source.path.startsWith("test/")) return []; // A test may be a foreign peer of an engine.
  return importsOf(source).flatMap((use) => {
    const engine = engineOf(use.specifier);
    const home = engine === undefined ? undefined : soleImporters[engine];
    if (home === undefined || source.path === home) return [];
    return [found(source, use, `only ${home} imports ${engine}: use what it exports`)];
  });
}

function engineOf(specifier: string): string | undefined {
  const name = packageOf(specifier);
  if (name.startsWith("@nats-io/")) return "nats";
  if (name.startsWith("@nact/")) return "nact";
  if (name.startsWith("@aws-sdk/") || name.startsWith("@smithy/")) return "@aws-sdk/*";
  return Object.hasOwn(soleImporters, name) ? name : undefined;
}

export function actorsThatKnowActors(source: Source): readonly Finding[] {
  const own = actorOf(source.path);
  if (own === undefined) return [];
  return importsOf(source).flatMap((use) => {
    const other = use.file === undefined ? undefined : actorOf(use.file);
    if (other === undefined || other === own) return [];
    const instead = "actors meet in messages only; what both need goes below src/actors";
    return [found(source, use, `the actor ${own} imports the actor ${other}: ${instead}`)];
  });
}

/** `proxy` for `src/actors/proxy.ts` and for everything in `src/actors/proxy/`. */
function actorOf(path: string): string | undefined {
  return /^src\/actors\/([^/.]+)/.exec(path)?.[1];
}

export function wrongDirections(source: Source): readonly Finding[] {
  const folder = folderOf(source.path);
  const mayImport = allowed[folder];
  if (mayImport === undefined) {
    const message = `${folder} is a new folder: say in test/tidy/direction.ts what it may import`;
    return [{ path: source.path, line: 1, message }];
  }
  return importsOf(source).flatMap((use) => {
    if (use.file === undefined || !/\.(ts|mjs)$/.test(use.file)) return []; // A package, or data.
    if (isWithin(use.file, [folder, ...mayImport])) return [];
    const list = mayImport.length === 0 ? "nothing else" : mayImport.join(", ");
    const message = `${folder} must not import ${use.file}: it may import itself and ${list}`;
    return [found(source, use, message)];
  });
}

function folderOf(path: string): string {
  return path.split("/", path.startsWith("src/") ? 2 : 1).join("/");
}

function isWithin(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}

function found(source: Source, use: Import, message: string): Finding {
  return { path: source.path, line: use.line, message };
}
