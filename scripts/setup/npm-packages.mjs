// Runs `npm ci` when node_modules is not what package-lock.json says, and proves the native addon.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { SetupProblem, say } from "./problem.mjs";

export function readyNpmPackages(root) {
  if (!isInstalled(root)) {
    say("installing the npm packages; the vector index compiles, which takes a minute or two");
    const started = Date.now();
    // A production NODE_ENV would leave out the compiler that the build needs.
    if (npm(root, ["ci", "--include=dev", "--no-audit", "--no-fund"]) !== 0) {
      throw new SetupProblem("'npm ci' failed; its output is above.");
    }
    say(`npm packages installed in ${Math.round((Date.now() - started) / 1000)} s`);
  }
  if (addonLoads(root)) return;
  // Another Node compiled it, or install scripts were off.
  say("compiling the vector index (hnswlib-node) for this Node");
  npm(root, ["rebuild", "hnswlib-node", "--ignore-scripts=false"]);
  if (!addonLoads(root)) {
    throw new SetupProblem(
      "The native addon hnswlib-node does not load; the compiler's output is above.\n" +
        "It needs python3, make, g++ and Node's headers. Then: npm rebuild hnswlib-node",
    );
  }
}

/** npm keeps the lock file of what it installed inside node_modules: compare the versions. */
function isInstalled(root) {
  const installedLock = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedLock)) return false;
  const installed = packagesOf(installedLock);
  return Object.entries(packagesOf(join(root, "package-lock.json"))).every(
    ([path, { version, integrity, optional }]) =>
      path === "" ||
      (installed[path] === undefined
        ? optional === true // Made for another operating system or processor.
        : installed[path].version === version && installed[path].integrity === integrity),
  );
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, "utf8")).packages ?? {};
}

function addonLoads(root) {
  const load = 'require("hnswlib-node")';
  return spawnSync(process.execPath, ["-e", load], { cwd: root, stdio: "ignore" }).status === 0;
}

/** Its exit status. Errors alone are shown: the warnings are about what nobody here can change. */
function npm(root, args) {
  const headers = headersPrefix();
  // node-gyp reads the first name up to npm 11, the second from npm 11 on.
  const names = ["npm_config_nodedir", "npm_package_config_node_gyp_nodedir"];
  const settings = headers === undefined ? [] : names.map((name) => [name, headers]);
  return spawnSync("npm", [...args, "--loglevel=error"], {
    cwd: root,
    env: { ...process.env, ...Object.fromEntries(settings) },
    stdio: ["ignore", "inherit", "inherit"],
  }).status;
}

/** Node's own headers where they came with it: node-gyp would download them otherwise. */
function headersPrefix() {
  const prefixes = [dirname(dirname(realpathSync(process.execPath))), "/usr", "/usr/local"];
  return prefixes.find((prefix) => {
    const version = join(prefix, "include", "node", "node_version.h");
    if (!existsSync(version)) return false;
    const [major, minor] = process.versions.node.split(".");
    const text = readFileSync(version, "utf8");
    return (
      new RegExp(`define NODE_MAJOR_VERSION ${major}\\b`).test(text) &&
      new RegExp(`define NODE_MINOR_VERSION ${minor}\\b`).test(text)
    );
  });
}
