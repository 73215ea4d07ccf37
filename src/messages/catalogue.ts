// All messages there are, by kind: for decoding, for the topology table and for its test.
import { commandMessages } from "./command.js";
import { controlMessages } from "./control.js";
import type { MessageDefinition } from "./define.js";
import { queryMessages } from "./query.js";
import { replyMessages } from "./reply.js";
import { taskMessages } from "./task.js";
import { walMessages } from "./wal.js";

export const allMessages = [
  ...walMessages,
  ...controlMessages,
  ...commandMessages,
  ...taskMessages,
  ...queryMessages,
  ...replyMessages,
] as const;

// biome-ignore lint/suspicious/noExplicitAny: the catalogue erases the body types on purpose.
export type AnyDefinition = MessageDefinition<any, any>;
export type AnyMessage =
  | import("./wal.js").WalMessage
  | import("./control.js").ControlMessage
  | import("./command.js").CommandMessage
  | import("./task.js").TaskMessage
  | import("./query.js").QueryMessage
  | import("./reply.js").ReplyMessage;

const byKind = new Map<string, AnyDefinition>(
  allMessages.map((definition) => [definition.kind, definition as AnyDefinition]),
);

export function definitionOf(kind: string): AnyDefinition | undefined {
  return byKind.get(kind);
}
