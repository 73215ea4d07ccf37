// What loading the client loads: no native code, and none of the server.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Files and packages that are imported for more than their types. */
function reached(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const specifier of importsOf(join(root, file))) {
      if (!specifier.startsWith(".")) packages.add(specifier);
      else waiting.push(join(dirname(file), specifier.replace(/\.js$/, ".ts")));
    }
  }
  return { files, packages };
}

/** As the compiler leaves them: without imports of types. */
function importsOf(file: string): string[] {
  const options = { module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true };
  const text = ts.transpileModule(readFileSync(file, "utf8"), { compilerOptions: options });
  const kept = ts.preProcessFile(text.outputText).importedFiles;
  return kept.map(({ fileName }) => fileName);
}

it("the client is pure JavaScript and knows of the system nothing but NATS", () => {
  const { files, packages } = reached("src/client/connect.ts");
  const ofPackages = [...packages].filter((name) => !name.startsWith("node:")).sort();
  expect(ofPackages).toEqual(["cockatiel", "lru-cache", "msgpackr/pack", "nats", "zod"]);
  const system = [...files].filter((file) => file.startsWith("src/system/")).sort();
  const connecting = [
    "churn-map.ts",
    "healing-link.ts",
    "nats.ts",
    "request-mux.ts",
    "turn.ts",
  ].map((name) => `src/system/${name}`);
  expect(system).toEqual(connecting);
  const server = /^src\/(actors|filter|index|log|messages|placement|segments)\//;
  expect([...files].filter((file) => server.test(file))).toEqual([]);
});

it("the MessagePack that the client uses does not load its native part", () => {
  const require = createRequire(import.meta.url);
  const manifest = JSON.parse(
    readFileSync(join(root, "node_modules/msgpackr/package.json"), "utf8"),
  );
  const entry = join(root, "node_modules/msgpackr", manifest.exports["./pack"].node.import);
  expect(relative(root, entry)).toBe("node_modules/msgpackr/index.js");
  expect(readFileSync(entry, "utf8")).not.toContain("node:module");
  expect(readFileSync(entry, "utf8")).not.toContain("extract");
  expect(require.resolve("msgpackr")).toBeDefined();
});
