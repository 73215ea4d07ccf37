// The kernel that is checked in is what its source compiles to.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { compileKernel, kernelModule, renderKernelModule } from "../../scripts/build-kernel.js";
import { scanKernel } from "../../src/index/scan-kernel.js";

describe("the scan kernel", () => {
  it("equals its compiled source, byte for byte", async () => {
    const compiled = await compileKernel();
    expect(Buffer.from(scanKernel, "base64").equals(compiled)).toBe(true);
    expect(await readFile(kernelModule, "utf8")).toBe(renderKernelModule(compiled));
  }, 30_000);
});
