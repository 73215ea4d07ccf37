// The house rules, checked on every file: each failure says where it is and what to do instead.
import { expect, test } from "vitest";
import { impureBelow } from "./tidy/closure.js";
import { actorsThatKnowActors, strayEngines, wrongDirections } from "./tidy/direction.js";
import { impurities, unrepeatable } from "./tidy/purity.js";
import { brokenImports, shippedTestParts, unreachable } from "./tidy/reach.js";
import { missingPurpose, overlongFiles, overlongFunctions, swallowedErrors } from "./tidy/shape.js";
import type { Finding, Source } from "./tidy/source.js";
import { bannedText } from "./tidy/text.js";
import { sourcesOf, textFiles } from "./tidy/tree.js";

const files = textFiles();
const sources = sourcesOf(files);
const within = (folder: string) => sources.filter(({ path }) => path.startsWith(folder));
const ourCode = [...within("src/"), ...within("scripts/")];
const pure = (path: string) => path.startsWith("src/actors/") || path.startsWith("src/messages/");

/** Files whose form is not ours to choose. */
const generated: Readonly<Record<string, string>> = {
  "src/wasm/scan-kernel.ts": "WebAssembly as text, written by scripts/build-kernel.ts",
  "src/wasm/graph-kernel.ts": "WebAssembly as text, written by scripts/build-kernel.ts",
  "src/wasm/digest-kernel.ts": "WebAssembly as text, written by scripts/build-kernel.ts",
};
const written = (source: Source) => generated[source.path] === undefined;

/** Files that no import names. */
const usedWithoutImport: Readonly<Record<string, string>> = {
  "src/wasm/kernel/scan.as.ts": "compiled by scripts/build-kernel.ts",
  "src/wasm/kernel/graph.as.ts": "compiled by scripts/build-kernel.ts",
  "src/wasm/kernel/graph-core.as.ts": "compiled with graph.as.ts",
  "src/wasm/kernel/graph-insert.as.ts": "compiled with graph.as.ts",
  "src/wasm/kernel/digest.as.ts": "compiled by scripts/build-kernel.ts",
  "test/vitest.config.ts": "read by vitest",
};
const isEntry = (path: string) =>
  /^scripts\/[^/]+\.(ts|mjs)$/.test(path) || /^test\/.*\.test\.ts$/.test(path);

function expectNone(findings: readonly Finding[]): void {
  expect(findings.map(({ path, line, message }) => `${path}:${line} ${message}`)).toEqual([]);
}

test("no actor knows another actor", () => {
  expectNone(within("src/actors/").flatMap(actorsThatKnowActors));
});

test("each engine is imported by its one file", () => {
  expectNone(sources.flatMap(strayEngines));
});

test("actors and messages read no clock, no randomness, no environment, and do no I/O", () => {
  expectNone(sources.filter(({ path }) => pure(path)).flatMap(impurities));
});

test("whatever an actor or a message runs is as pure as they are", () => {
  expectNone(impureBelow(sources, pure));
});

test("the simulation takes chance and time from its seed", () => {
  expectNone(within("src/simulation/").flatMap(unrepeatable));
});

test("imports point one way", () => {
  expectNone(sources.flatMap(wrongDirections));
});

test("files, lines and functions are short", () => {
  expectNone(ourCode.filter(written).flatMap(overlongFiles));
  expectNone(ourCode.filter(written).flatMap(overlongFunctions));
});

test("every file begins with what it is for", () => {
  expectNone(sources.flatMap(missingPurpose));
});

test("no error is swallowed", () => {
  expectNone(sources.flatMap(swallowedErrors));
});

test("every file is used, and every import leads to a file", () => {
  const entries = sources.map(({ path }) => path).filter(isEntry);
  expectNone(unreachable(sources, entries, usedWithoutImport));
  expectNone(brokenImports(sources));
});

test("the program carries nothing that only tests run", () => {
  const isTestOnly = (path: string) => /^(src\/simulation|scripts\/chaos|test)\//.test(path);
  expectNone(shippedTestParts(sources, ["scripts/elanus.ts"], isTestOnly));
});

test("every script is named where people look for it", () => {
  const guides = files.filter(({ path }) => /^([^/]+\.md|package\.json|\.ci\/run)$/.test(path));
  const unnamed = sources
    .filter(({ path }) => /^scripts\/[^/]+$/.test(path))
    .filter(({ path }) => !guides.some(({ text }) => text.includes(path.replace(/\.ts$/, ".js"))))
    .map(({ path }) => ({ path, line: 1, message: "give it a script in package.json" }));
  expectNone(unnamed);
});

test("no unfinished business, machine paths or registry hosts", () => {
  expectNone(files.flatMap(bannedText));
});
