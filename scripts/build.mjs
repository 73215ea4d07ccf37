// `npm run build`: compiles when the sources are not those that dist was made from.
import { fileURLToPath } from "node:url";
import { buildIfChanged } from "./setup/build.mjs";

try {
  buildIfChanged(fileURLToPath(new URL("..", import.meta.url)));
} catch (error) {
  console.error(error?.name === "SetupProblem" ? error.message : error);
  process.exitCode = 1;
}
