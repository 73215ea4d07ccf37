// How the decoders of stored formats say that bytes are not what they should be.

/** Thrown inside a decoder and turned into a reason at its edge: no caller ever sees it. */
class MalformedError extends Error {
  override readonly name = "MalformedError";
}

export function expectThat(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new MalformedError(reason);
}

/** A library's own complaint about the bytes is a reason too. */
export function reasonOf(error: unknown): string {
  if (error instanceof MalformedError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
