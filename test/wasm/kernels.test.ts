// The kernels that are checked in are what their sources compile to.
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { compileKernel, kernels, renderKernelModule } from "../../scripts/build-kernel.js";

describe.each(kernels)("the $name kernel", (kernel) => {
  it("equals its compiled source, byte for byte", async () => {
    const compiled = await compileKernel(kernel);
    expect(await readFile(kernel.module, "utf8")).toBe(renderKernelModule(kernel, compiled));
  }, 30_000);
});
