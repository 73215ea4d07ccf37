// Compiles the scan kernel from AssemblyScript into `src/index/scan-kernel.ts`; run from the root.
import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import asc from "assemblyscript/asc";

const source = "src/index/kernel/scan.as.ts";
export const kernelModule = "src/index/scan-kernel.ts";

/** The bytes that the source compiles to: the same ones every time, for one compiler version. */
export async function compileKernel(): Promise<Uint8Array> {
  const input = await readFile(source, "utf8");
  let output: Uint8Array | undefined;
  const options = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--importMemory"];
  const name = basename(source);
  const { error, stderr } = await asc.main([name, "--outFile", "scan.wasm", ...options], {
    readFile: (file) => (file === name ? input : null),
    writeFile: (_file, contents) => {
      if (typeof contents !== "string") output = contents;
    },
    listFiles: () => [],
  });
  if (error !== null || output === undefined) {
    throw new Error(`the kernel does not compile: ${stderr.toString()}`, { cause: error });
  }
  return output;
}

/** The module to check in. Base64 in lines, so that a change is a readable difference. */
export function renderKernelModule(bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,92}/g) ?? [];
  return [
    "// The compiled scan kernel, written by `scripts/build-kernel.ts`: do not edit.",
    "export const scanKernel = [",
    ...lines.map((line) => `  "${line}",`),
    '].join("");',
    "",
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await writeFile(kernelModule, renderKernelModule(await compileKernel()));
}
