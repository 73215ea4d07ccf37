// Readies a fresh machine or clone: system packages, npm packages, then the build; plain Node only.
// With --with-servers also etcd and Redis, which the tests of the cluster profile start.
import { fileURLToPath } from "node:url";
import { buildIfChanged } from "./setup/build.mjs";
import { readyNpmPackages } from "./setup/npm-packages.mjs";
import { readyTools } from "./setup/tools.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

try {
  const versions = readyTools({ withServers: process.argv.includes("--with-servers") });
  readyNpmPackages(root);
  buildIfChanged(root);
  console.log(`setup: ready (${versions})`);
} catch (error) {
  // What the reader can solve needs its message only; anything else is our bug and keeps its stack.
  console.error(error?.name === "SetupProblem" ? `\n${error.message}\n` : error);
  process.exitCode = 1;
}
