// Compiles the kernels from AssemblyScript into modules in `src/wasm`; run from the root.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import asc from "assemblyscript/asc";

export interface Kernel {
  readonly name: string;
  readonly source: string;
  /** What is checked in. */
  readonly module: string;
}

export const kernels: readonly Kernel[] = ["scan", "graph", "digest"].map((name) => ({
  name,
  source: `src/wasm/kernel/${name}.as.ts`,
  module: `src/wasm/${name}-kernel.ts`,
}));

/** The bytes that the source compiles to: the same ones every time, for one compiler version. */
export async function compileKernel({ source }: Kernel): Promise<Uint8Array> {
  const sources = await readSources(dirname(source));
  let output: Uint8Array | undefined;
  const options = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--importMemory"];
  const name = basename(source);
  const { error, stderr } = await asc.main([name, "--outFile", "kernel.wasm", ...options], {
    readFile: (file) => sources.get(file) ?? null,
    writeFile: (_file, contents) => {
      if (typeof contents !== "string") output = contents;
    },
    listFiles: () => [],
  });
  if (error !== null || output === undefined) {
    throw new Error(`${source} does not compile: ${stderr.toString()}`, { cause: error });
  }
  return output;
}

/** All of a folder, since kernels import from their neighbours. */
async function readSources(directory: string): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(directory);
  const texts = names.map(async (name) => {
    return [name, await readFile(join(directory, name), "utf8")] as const;
  });
  return new Map(await Promise.all(texts));
}

/** The module to check in. Base64 in lines, so that a change is a readable difference. */
export function renderKernelModule({ name }: Kernel, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,92}/g) ?? [];
  return [
    `// The compiled ${name} kernel, written by \`scripts/build-kernel.ts\`: do not edit.`,
    `export const ${name}Kernel = [`,
    ...lines.map((line) => `  "${line}",`),
    '].join("");',
    "",
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const kernel of kernels) {
    await writeFile(kernel.module, renderKernelModule(kernel, await compileKernel(kernel)));
  }
}
