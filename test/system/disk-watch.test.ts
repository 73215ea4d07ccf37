// The disk's room, by a reserve that is met or not, and a disk that is gone.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { DiskWatch } from "../../src/system/disk-watch.js";

it("has room while the reserve is free, and none on a disk that is gone", async () => {
  const directory = mkdtempSync(join(tmpdir(), "elanus-disk-"));
  const some = await DiskWatch.start(directory, 1);
  const all = await DiskWatch.start(directory, Number.MAX_SAFE_INTEGER);
  expect([some.hasRoom, all.hasRoom]).toEqual([true, false]);
  rmSync(directory, { recursive: true });
  const gone = await DiskWatch.start(directory, 1);
  expect(gone.hasRoom).toBe(false);
  for (const watch of [some, all, gone]) watch.stop();
});
