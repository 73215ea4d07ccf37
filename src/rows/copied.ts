// Bytes of the network as an array of numbers.
import { expectThat } from "./malformed.js";

interface TypedArrayConstructor<TypedArray> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray;
}

/** A network buffer is seldom aligned, and a view would keep all of it alive: one copy. */
export function copied<TypedArray>(
  arrayType: TypedArrayConstructor<TypedArray>,
  bytes: Uint8Array,
): TypedArray {
  const length = bytes.length / arrayType.BYTES_PER_ELEMENT;
  expectThat(Number.isInteger(length), "the values are cut off");
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return new arrayType(copy.buffer, copy.byteOffset, length);
}
