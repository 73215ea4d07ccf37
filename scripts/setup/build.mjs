// Compiles src and scripts to dist, and removes what an earlier build left of files that are gone.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { SetupProblem, say } from "./problem.mjs";

const project = "scripts/setup/tsconfig.build.json";

/** Content, not time stamps: a checkout or a copy changes the latter at will. */
export function buildIfChanged(root) {
  const stamp = join(root, "dist", ".sources");
  const sources = hashOfSources(root);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === sources) return;
  say("compiling src and scripts to dist");
  rmSync(stamp, { force: true });
  const emitted = compile(root);
  removeStale(join(root, "dist"), emitted);
  writeFileSync(stamp, sources);
}

function hashOfSources(root) {
  const hash = createHash("sha256");
  const configuration = ["package-lock.json", "tsconfig.json", project];
  for (const path of [
    ...configuration,
    ...filesUnder(root, "src"),
    ...filesUnder(root, "scripts"),
  ]) {
    hash
      .update(path)
      .update("\0")
      .update(readFileSync(join(root, path)))
      .update("\0");
  }
  return hash.digest("hex");
}

function filesUnder(root, directory) {
  return readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/** The absolute paths of what was written; nothing is written when there is an error. */
function compile(root) {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const result = spawnSync(
    process.execPath,
    [compiler, "-p", project, "--noEmitOnError", "--listEmittedFiles", "--pretty", "false"],
    { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
  );
  const lines = (result.stdout ?? "").split("\n");
  const marker = "TSFILE: ";
  if (result.status !== 0) {
    const errors = lines.filter((line) => line !== "" && !line.startsWith(marker));
    throw new SetupProblem(`The build failed:\n${errors.join("\n")}\n${result.stderr ?? ""}`);
  }
  return new Set(
    lines.filter((line) => line.startsWith(marker)).map((line) => line.slice(marker.length)),
  );
}

function removeStale(dist, emitted) {
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile() && !emitted.has(path)) rmSync(path);
  }
}
