// Values between a program and the wire: vectors as bytes of float32, there and back.

/** Rows with their Float32Arrays as bytes; what holds none is not copied. */
export function outgoingRow(row: object): object {
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(row)) {
    const value = (row as Record<string, unknown>)[name];
    if (!(value instanceof Float32Array)) continue;
    copy ??= { ...row };
    copy[name] = bytesOf(value);
  }
  return copy ?? row;
}

/** Where a vector is certain to be one: numbers become bytes too. */
export function outgoingVector(vector: unknown): unknown {
  if (vector instanceof Float32Array) return bytesOf(vector);
  return Array.isArray(vector) ? bytesOf(Float32Array.from(vector)) : vector;
}

/** Of a reply: nothing but vectors is binary there. */
export function incomingRow(row: unknown): Record<string, unknown> {
  const result: Record<string, unknown> = { ...(row as object) };
  for (const [name, value] of Object.entries(result)) {
    if (value instanceof Uint8Array) result[name] = floatsOf(value);
  }
  return result;
}

function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}

/** A copy: the bytes of a message may start anywhere, floats must start at a multiple of four. */
function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer);
}
