// The scratch file: private, gone at the latest when its use ends.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { withScratchFile } from "../../src/index/scratch-file.js";

const directory = mkdtempSync(join(tmpdir(), "scratch-test-"));
beforeAll(() => {
  vi.stubEnv("TMPDIR", directory);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

describe("withScratchFile", () => {
  it("is read and written by its path and by its functions alike", () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => index);
    const back = withScratchFile((file) => {
      file.write(bytes);
      expect(file.size()).toBe(bytes.length);
      expect(readFileSync(file.path).equals(bytes)).toBe(true);
      expect(statSync(file.path).mode & 0o077).toBe(0);
      const read = new Uint8Array(bytes.length);
      file.read(read);
      return read;
    });
    expect(Buffer.compare(back, bytes)).toBe(0);
  });

  it("refuses to read more than there is", () => {
    expect(() => withScratchFile((file) => file.read(new Uint8Array(1)))).toThrow("ends at 0");
  });

  it("is gone after its use, also after one that throws", () => {
    withScratchFile((file) => file.write(Uint8Array.of(1)));
    const fail = () => {
      throw new Error("failed");
    };
    expect(() => withScratchFile(fail)).toThrow("failed");
    expect(readdirSync(directory)).toEqual([]);
  });

  it.runIf(process.platform === "linux")("has no name that a killed process could leave", () => {
    expect(withScratchFile(() => readdirSync(directory))).toEqual([]);
  });
});
