// The version of Elanus, from its package.json, wherever this file was compiled to.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export function packageVersion(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "package.json"))) {
    if (dirname(directory) === directory) throw new Error("there is no package.json above this");
    directory = dirname(directory);
  }
  const { version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  return String(version);
}
