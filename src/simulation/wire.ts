// Messages as they come out at the other end: encoded, decoded, and so nobody's shared object.
import { type AnyMessage, definitionOf } from "../messages/catalogue.js";

export function subjectOf(message: AnyMessage): string {
  return known(message).subjectOf(message);
}

/** Throws on a message that its own schema refuses: its sender is wrong. */
export function copyOf(message: AnyMessage): AnyMessage {
  const definition = known(message);
  const decoded = definition.decode(Uint8Array.from(definition.encode(message)));
  if (!decoded.ok) throw new Error(`${message.kind} does not fit its schema: ${decoded.reason}`);
  return decoded.message as AnyMessage;
}

function known({ kind }: AnyMessage) {
  const definition = definitionOf(kind);
  if (definition === undefined) throw new Error(`'${kind}' is no message`);
  return definition;
}
