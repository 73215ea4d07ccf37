// Installs what the benchmark alone needs into bench/node_modules, and loads it from there.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const folder = "bench";
const lockFile = join(folder, "package-lock.json");
const installedLockFile = join(folder, "node_modules", ".package-lock.json");

/**
 * Installs what the lock file says, when it is not there. Not with `npm ci`, which refuses a lock
 * file that lacks the peers' binaries for other platforms, and not every registry has those.
 */
export function readyBenchPackages(): void {
  if (isInstalled()) return;
  console.log("bench: installing the peers, the word vectors and the plotting library (0.6 GB)");
  // Every package ships its binaries: no install script has to run.
  const options = ["install", "--no-save", "--prefix", folder, "--ignore-scripts"];
  const quiet = ["--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync("npm", [...options, ...quiet], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (result.status !== 0) throw new Error("'npm install' in bench failed; its output is above");
}

function isInstalled(): boolean {
  if (!existsSync(installedLockFile)) return false;
  const installed = packagesOf(installedLockFile);
  return Object.entries(packagesOf(lockFile)).every(
    ([path, { version, optional }]) =>
      path === "" ||
      (installed[path] === undefined ? optional === true : installed[path].version === version),
  );
}

type LockedPackages = Record<string, { version?: string; optional?: boolean }>;

function packagesOf(path: string): LockedPackages {
  return (JSON.parse(readFileSync(path, "utf8")) as { packages?: LockedPackages }).packages ?? {};
}

/**
 * A package of bench/node_modules, or of Elanus itself where it is the same one: hnswlib-node. The
 * types are the caller's word: these packages are not installed where the project is compiled.
 */
export function benchPackage<Module>(name: string): Module {
  return createRequire(resolve(folder, "package.json"))(name) as Module;
}

export function benchPackagePath(path: string): string {
  return join(folder, "node_modules", path);
}
