// A peer that answers the contract over a real NATS: as the test says, and otherwise from memory.
import type { Call } from "../../src/contract/calls.js";
import { clientError } from "../../src/contract/errors.js";
import { encodeError, encodeReply, errorHeaders } from "../../src/contract/replies.js";
import { parseRequest } from "../../src/contract/requests.js";
import { resolveOutput, rowReader, withKey } from "../../src/contract/result-rows.js";
import { encodeToken } from "../../src/contract/session-token.js";
import type { RowBatch } from "../../src/rows/columns.js";
import { rowsToBatch } from "../../src/rows/row-validation.js";
import { type CollectionSchema, fieldSchema } from "../../src/rows/schema.js";
import { readVectors } from "../../src/rows/vector-value.js";
import type { ClientError } from "../../src/system/client-request.js";
import { connectNats } from "../../src/system/nats.js";

/** What the peer does instead of answering from memory; undefined: that. */
export type Answer =
  | { readonly kind: "refuse"; readonly error: ClientError }
  | { readonly kind: "reply"; readonly value: unknown }
  | { readonly kind: "silence" };

export interface Peer {
  readonly calls: readonly Call[];
  /** The size of each request. */
  readonly bytes: readonly number[];
  answerWith(answer: (call: Call) => Answer | undefined): void;
  close(): Promise<void>;
}

export const dimension = 4;
const fields = [
  { name: "id", type: "Int64", primaryKey: true },
  { name: "title", type: "VarChar", nullable: true },
  { name: "v", type: "FloatVector", dimension },
].map((field) => fieldSchema.parse(field));
const schema: CollectionSchema = { fields, dynamicFields: false };

export function sessionAt(sequence: number, collectionId = "c1", channel = "c1-0"): string {
  return encodeToken({ collectionId, positions: new Map([[channel, sequence]]), revision: 1 });
}

export async function startPeer(url: string): Promise<Peer> {
  const link = await connectNats({ servers: url, name: "peer", waitForServer: false });
  const calls: Call[] = [];
  const bytes: number[] = [];
  const batches: RowBatch[] = [];
  let planned: (call: Call) => Answer | undefined = () => undefined;
  link.subscribe("elanus.v1.>", (message) => {
    const contentType = "msgpack";
    const [, , ...subject] = message.subject.split(".");
    const { body } = message;
    const read = parseRequest({ id: "1", subject, contentType, body, connection: 1 });
    const answer = read.ok ? answerOf(read.call) : { kind: "refuse" as const, error: read.error };
    if (answer.kind === "silence" || message.reply === undefined) return;
    if (answer.kind === "reply") {
      link.publish(message.reply, encodeReply(contentType, answer.value));
      return;
    }
    const encoded = encodeError(contentType, answer.error, "from-the-peer");
    link.publish(message.reply, encoded, { headers: errorHeaders(answer.error) });
  });
  await link.flush();

  function answerOf(call: Call): Answer {
    calls.push(call);
    return planned(call) ?? fromMemory(call, batches);
  }

  return {
    calls,
    bytes,
    answerWith: (answer) => {
      planned = answer;
    },
    close: () => link.close(),
  };
}

function fromMemory(call: Call, batches: RowBatch[]): Answer {
  switch (call.operation) {
    case "insert":
    case "upsert": {
      const read = rowsToBatch(call.rows, schema, call);
      if (!read.ok) return { kind: "refuse", error: read.error };
      batches.push(read.batch);
      const ids = Array.from(read.batch.columns.get("id")?.values as BigInt64Array);
      return {
        kind: "reply",
        value: { count: ids.length, ids, session: sessionAt(batches.length) },
      };
    }
    case "delete": {
      const value = { count: call.ids?.length ?? 0, session: sessionAt(batches.length) };
      return { kind: "reply", value };
    }
    case "query":
      return {
        kind: "reply",
        value: { rows: rowsOf(call.outputFields, batches), ...seen(batches) },
      };
    case "search": {
      const read = readVectors(call.vectors, dimension);
      if (!read.ok) return { kind: "refuse", error: read.error };
      const hits = rowsOf(call.outputFields, batches).map((fields) => ({
        id: fields.id,
        score: 1,
        fields,
      }));
      return { kind: "reply", value: { results: call.vectors.map(() => hits), ...seen(batches) } };
    }
    case "count":
      return { kind: "reply", value: { count: batches.length, ...seen(batches) } };
    default:
      return { kind: "refuse", error: clientError("internal", `no answer to ${call.operation}`) };
  }
}

function seen(batches: readonly RowBatch[]) {
  return { session: sessionAt(batches.length), readTimestamp: "2026-01-01T00:00:00.000Z" };
}

function rowsOf(outputFields: readonly string[] | null, batches: readonly RowBatch[]) {
  const resolved = resolveOutput(outputFields, schema);
  if (!resolved.ok) throw new Error(resolved.error.message);
  const output = withKey(resolved.output, schema);
  return batches.flatMap((batch) => {
    const read = rowReader(batch, output, "msgpack");
    return Array.from({ length: batch.count }, (_, row) => read(row));
  });
}
