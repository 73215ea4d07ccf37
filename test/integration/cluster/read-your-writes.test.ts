// An acknowledged insert is in the next strong search, every time, while other rows stream in.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const script = fileURLToPath(new URL("../../../dist/scripts/read-your-writes.js", import.meta.url));
const times = 300;

it("finds each of 300 rows at once", async () => {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [script, "--times", String(times)]);
  const result = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  expect(result).toMatchObject({ times, found: times });
  expect(result.streamedRows).toBeGreaterThan(0);
});
