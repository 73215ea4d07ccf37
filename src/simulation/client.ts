// A simulated client: one request after the other, repeated under the same id while that may help.
import { parseToken } from "../contract/session-token.js";
import { automaticKey, messageOf, rowsOf } from "./channel-model.js";
import type { Answer, Gateway } from "./gateway.js";
import { noteAcknowledged, type WriteContent, type WritePart } from "./ledger.js";
import { auditAnswer, type ReadAsked, type ReadSent } from "./read-auditor.js";
import { timings } from "./scenario.js";
import type { World } from "./world.js";

export const database = "sim";

export interface ClientTools {
  readonly world: World;
  readonly gateway: Gateway;
}

/** Sends a part of a write until it is acknowledged, refused, or its time is over. */
export function write(
  { world, gateway }: ClientTools,
  collection: string,
  part: WritePart,
  done: (session: string | null) => void,
): void {
  const { auditor } = world;
  const parts = auditor.ledger.writes.get(part.requestId) ?? [];
  auditor.ledger.writes.set(part.requestId, [...parts, part]);
  const startedAtMs = world.nowMs;
  const { operation, body } = bodyOf(part.content);
  const request = { ...body, requestId: part.requestId, part: part.part };
  let hasFailed = false;
  const attempt = () => {
    const subject = [database, collection, operation];
    gateway.request(subject, request, timings.requestTimeoutMs, (answer) => {
      if (answer?.ok) {
        auditAcknowledged(world, part, answer);
        return done(String(answer.body.session));
      }
      if (answer !== null && answer.error?.retryable !== true) {
        if (!hasFailed) auditRefused(world, part, answer);
        return done(null);
      }
      hasFailed = true;
      const waitMs = 50 + world.random.next() * 1_000;
      if (world.nowMs + waitMs - startedAtMs > timings.retryForMs) return done(null);
      world.after(waitMs, attempt);
    });
  };
  attempt();
}

function bodyOf(content: WriteContent): { operation: string; body: Record<string, unknown> } {
  switch (content.kind) {
    case "insert":
    case "upsert": {
      const rows = content.rows.map(({ id, ...row }) => (id === null ? row : { id, ...row }));
      return { operation: content.kind, body: { rows } };
    }
    case "deleteIds":
      return { operation: "delete", body: { ids: content.ids.map(String) } };
    case "deleteFilter":
      return { operation: "delete", body: { filter: content.filter } };
  }
}

/** What was acknowledged is in the log, with its content, at the positions that the token names. */
function auditAcknowledged(world: World, part: WritePart, { body }: Answer): void {
  const { auditor } = world;
  const token = parseToken(String(body.session));
  if (!token.ok) return auditor.fail(`the session of write ${part.requestId} is no token`);
  const ids: string[] = [];
  const found = new Set<number>();
  for (const [channel, sequence] of token.token.positions) {
    const model = auditor.model(channel);
    const entry = model.entry(sequence);
    const isLost = auditor.lostAtMs.has(channel);
    if (entry?.request !== part.requestId) {
      if (!isLost)
        auditor.fail(`${part.requestId} is acknowledged at ${channel}@${sequence}, not there`);
      continue;
    }
    noteAcknowledged(auditor.ledger, channel, sequence, world.nowMs);
    const message = messageOf(entry);
    if (!("rows" in message) || !(message.rows instanceof Uint8Array)) continue;
    for (const row of rowsOf(message.rows, sequence, model.shard)) {
      found.add(row.n);
      ids.push(String(automaticKey(model.shard, sequence, row.rowNumber)));
    }
  }
  if (!("rows" in part.content)) return;
  const { rows } = part.content;
  const isLost = [...token.token.positions.keys()].some((name) => auditor.lostAtMs.has(name));
  if (!isLost && rows.some(({ n }) => !found.has(n))) {
    auditor.fail(`rows of ${part.requestId} part ${part.part} are acknowledged and not in the log`);
  }
  const isAutomatic = rows[0]?.id === null;
  const told = (body.ids as string[]).map(String);
  if (isAutomatic && !isLost && told.join() !== ids.join()) {
    auditor.fail(`${part.requestId} got the ids ${told.join()}, the log has ${ids.join()}`);
  }
}

/** 4xx at the first attempt: nothing may ever be written. */
function auditRefused(world: World, part: WritePart, { error }: Answer): void {
  const status = error?.status ?? 0;
  if (status < 400 || status >= 500) return;
  const { auditor } = world;
  const isThere = [...auditor.channels.values()].some((model) =>
    model.entries.some(({ request }) => request === part.requestId),
  );
  const isOnly = (auditor.ledger.writes.get(part.requestId)?.length ?? 0) === 1;
  if (isThere && isOnly)
    auditor.fail(`${part.requestId} was refused (${status}) and is in the log`);
}

/** Sends a read once; its answer must fit the model, and an error must be typed. */
export function read(
  { world, gateway }: ClientTools,
  collection: string,
  asked: ReadAsked & { filter: string | null },
  view: { body: Record<string, unknown>; sent: Omit<ReadSent, "asked" | "startedAtMs"> },
  done: (answer: Answer | null) => void,
): void {
  const sent: ReadSent = { asked, startedAtMs: world.nowMs, ...view.sent };
  const subject = [database, collection, asked.kind];
  const body = { ...readBody(asked), ...view.body };
  gateway.request(subject, body, timings.requestTimeoutMs, (answer) => {
    if (answer?.ok) auditAnswer(world.auditor, sent, answer.body);
    else if (answer?.error && !readErrors.has(answer.error.code)) {
      const { error } = answer.body as { error?: { message?: string } };
      world.auditor.fail(`${asked.kind} got '${answer.error.code}': ${error?.message}`);
    }
    done(answer);
  });
}

const readErrors: ReadonlySet<string> = new Set([
  "unavailable",
  "deadline-exceeded",
  "overloaded",
  "as-of-too-old",
  "collection-not-found",
  "invalid-session",
]);

const outputFields = ["id", "n", "g", "v"];

function readBody(asked: ReadAsked & { filter: string | null }): Record<string, unknown> {
  const filter = asked.filter === null ? {} : { filter: asked.filter };
  switch (asked.kind) {
    case "count":
      return filter;
    case "search": {
      const { vector, limit } = asked;
      return { vector, limit, outputFields: ["n"], ...filter };
    }
    case "query": {
      const ids = asked.ids === null ? {} : { ids: asked.ids.map(String) };
      const limit = asked.limit === null ? {} : { limit: asked.limit };
      return { outputFields, ...filter, ...ids, ...limit };
    }
  }
}
