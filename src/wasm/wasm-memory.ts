// A compiled kernel with a WebAssembly memory of its own.

// What this needs of it: the compiler's library has it only together with the whole DOM.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum: number });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Instance {
    constructor(module: Module, imports: { env: { memory: Memory } });
    readonly exports: unknown;
  }
}

/** What is asked for exceeds one memory, or the process has none left. */
export class MemoryFullError extends RangeError {
  override readonly name = "MemoryFullError";
}

const pageBytes = 65_536;
// One page less than WebAssembly's 4 GiB, so that the end of the memory is still a 32-bit number.
const pagesMax = 65_535;
export const wasmBytesMax = pagesMax * pageBytes;

const compiled = new Map<string, WebAssembly.Module>();

/** `Kernel`: the type of what the module exports. */
export class WasmMemory<Kernel> {
  readonly kernel: Kernel;
  private readonly memory: WebAssembly.Memory;

  /** `module`: the kernel in base64. It starts with room for `bytes`, all of them 0. */
  constructor(module: string, bytes: number) {
    const initial = pagesFor(bytes);
    this.memory = orFull(() => new WebAssembly.Memory({ initial, maximum: pagesMax }));
    const code = compiled.get(module) ?? new WebAssembly.Module(Buffer.from(module, "base64"));
    compiled.set(module, code);
    const instance = new WebAssembly.Instance(code, { env: { memory: this.memory } });
    this.kernel = instance.exports as Kernel;
  }

  /** Another one after each growth. */
  get buffer(): ArrayBuffer {
    return this.memory.buffer;
  }

  /** Room for `bytes`, and for a quarter more than now, as a growth costs 0.4 ms; was it needed? */
  reserve(bytes: number): boolean {
    const present = this.buffer.byteLength / pageBytes;
    const needed = pagesFor(bytes);
    if (needed <= present) return false;
    const target = Math.min(pagesMax, Math.max(needed, Math.ceil(present * 1.25)));
    orFull(() => this.memory.grow(target - present));
    return true;
  }
}

function pagesFor(bytes: number): number {
  if (bytes > wasmBytesMax) throw new MemoryFullError(`${bytes} bytes exceed one memory's 4 GiB`);
  return Math.ceil(bytes / pageBytes);
}

function orFull<Result>(allocate: () => Result): Result {
  try {
    return allocate();
  } catch (cause) {
    throw new MemoryFullError("the process has no memory left", { cause });
  }
}
