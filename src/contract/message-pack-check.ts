// Checks a MessagePack body before it is decoded: only plain data, valid UTF-8, bounded nesting.
import { isUtf8 } from "node:buffer";

/** A body, its rows, a row, and a JSON value of 64 levels inside it. */
const nestingMax = 70;
const reservedKey = "__proto__";

/** One open array or map: `left` counts down its items, keys and values each. */
interface Container {
  readonly isMap: boolean;
  readonly size: number;
  left: number;
}

/** How many bytes follow the tokens 0xca to 0xd3: numbers. */
const numberBytes = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8] as const;

/**
 * Null for one value of nil, booleans, numbers, strings, binary, arrays and maps with string keys.
 * The decoder knows more than that (records that become code, regular expressions, errors, sets)
 * and renames a key instead of refusing it, which is why it never sees what was not checked here.
 */
export function messagePackProblem(body: Uint8Array): string | null {
  return new Checker(body).problem();
}

class Checker {
  private readonly body: Uint8Array;
  private readonly view: DataView;
  private readonly open: Container[] = [];
  private position = 0;

  constructor(body: Uint8Array) {
    this.body = body;
    this.view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  }

  problem(): string | null {
    do {
      const found = this.value();
      if (found !== null) return `${this.place()}: ${found}`;
    } while (this.advance());
    const rest = this.body.length - this.position;
    return rest === 0 ? null : `${rest} bytes follow the value`;
  }

  /** Closes what is complete; false when the whole value is. */
  private advance(): boolean {
    for (let last = this.open.at(-1); last !== undefined; last = this.open.at(-1)) {
      if (last.left > 0) return true;
      this.open.pop();
    }
    return false;
  }

  private value(): string | null {
    const container = this.open.at(-1);
    const isKey = container?.isMap === true && container.left % 2 === 0;
    if (container !== undefined) container.left -= 1;
    const token = this.body[this.position];
    if (token === undefined) return "the body ends in the middle of a value";
    this.position += 1;
    if (token >= 0xa0 && token < 0xc0) return this.string(token - 0xa0, isKey);
    if (token >= 0xd9 && token <= 0xdb) return this.string(this.length(token - 0xd9), isKey);
    if (isKey) return "the key of a map must be a string";
    if (token < 0x80 || token >= 0xe0) return null;
    if (token < 0x90) return this.container(true, token - 0x80);
    if (token < 0xa0) return this.container(false, token - 0x90);
    return this.longToken(token);
  }

  private longToken(token: number): string | null {
    if (token === 0xc0 || token === 0xc2 || token === 0xc3) return null;
    if (token >= 0xc4 && token <= 0xc6) return this.skip(this.length(token - 0xc4));
    if (token >= 0xca && token <= 0xd3) return this.skip(numberBytes[token - 0xca] ?? 0);
    if (token === 0xdc || token === 0xdd) return this.container(false, this.length(token - 0xdb));
    if (token === 0xde || token === 0xdf) return this.container(true, this.length(token - 0xdd));
    if (token === 0xc1) return "0xc1 is no MessagePack";
    return "extension types are not taken; send vectors as binary, int64 as an integer";
  }

  /** The length that follows a token in 1, 2 or 4 bytes; past the end of the body it is endless. */
  private length(size: number): number {
    const bytes = 1 << size;
    const at = this.position;
    if (at + bytes > this.body.length) return Number.POSITIVE_INFINITY;
    this.position += bytes;
    if (size === 0) return this.view.getUint8(at);
    return size === 1 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  private skip(bytes: number): string | null {
    if (this.position + bytes > this.body.length) return "the body ends in the middle of a value";
    this.position += bytes;
    return null;
  }

  private string(bytes: number, isKey: boolean): string | null {
    const start = this.position;
    const cut = this.skip(bytes);
    if (cut !== null) return cut;
    if (!this.isText(start, start + bytes)) return "a string is not valid UTF-8";
    if (!isKey || bytes !== reservedKey.length) return null;
    const key = Buffer.from(this.body.subarray(start, start + bytes)).toString("latin1");
    return key === reservedKey ? `the key '${reservedKey}' is reserved` : null;
  }

  private isText(start: number, end: number): boolean {
    for (let index = start; index < end; index += 1) {
      if ((this.body[index] ?? 0) >= 0x80) return isUtf8(this.body.subarray(start, end));
    }
    return true;
  }

  private container(isMap: boolean, size: number): string | null {
    const items = isMap ? size * 2 : size;
    // An item takes a byte at least: a length that cannot be met is refused before it is used.
    if (items > this.body.length - this.position) return "the body ends in the middle of a value";
    if (this.open.length >= nestingMax) return `it nests more than ${nestingMax} levels deep`;
    this.open.push({ isMap, size, left: items });
    return null;
  }

  /** For people: which element of the arrays, and the byte. */
  private place(): string {
    const arrays = this.open.filter((container) => !container.isMap);
    const indices = arrays.map((container) => `[${container.size - container.left - 1}]`);
    return `body${indices.join("")}, byte ${Math.max(0, this.position - 1)}`;
  }
}
