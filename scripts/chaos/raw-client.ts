// A client that knows nothing but NATS and the contract: JSON, and its own retries of 503 and 429.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { ElanusError } from "../../src/client/elanus-error.js";
import { createSession, type RememberedSession } from "../../src/client/remembered-session.js";
import type { NatsLink, NatsMessage } from "../../src/system/nats.js";
import {
  type ChaosClient,
  type ChaosCollection,
  outputFields,
  patienceMs,
  type View,
} from "./chaos-client.js";
import { type ChaosRow, shownRow } from "./rows.js";

type Body = Readonly<Record<string, unknown>>;

/** One attempt: a proxy that died answers nobody. */
const attemptMs = 8_000;
const pauseMs = { first: 50, most: 1_000 };

export function rawClient(link: NatsLink): ChaosClient {
  return {
    name: "raw",
    collection: (name) => rawCollection(link, `elanus.v1.default.${name}`, createSession()),
    close: () => link.close(),
  };
}

function rawCollection(
  link: NatsLink,
  prefix: string,
  session: RememberedSession,
): ChaosCollection {
  const call = async (operation: string, body: Body, requestId: string, timeoutMs: number) => {
    const given = { ...body, requestId };
    const reply = await ask(link, `${prefix}.${operation}`, given, requestId, timeoutMs);
    if (typeof reply.session === "string") session.learn(reply.session);
    return reply;
  };
  const write = (operation: string, body: Body, requestId: string) =>
    call(operation, body, requestId, patienceMs.write);
  const read = (operation: string, { consistency, maxAgeMs, ...body }: Body & View) => {
    const view = { consistency, maxAgeMs, session: session.token() };
    return call(operation, { ...body, ...view }, randomUUID(), patienceMs.read);
  };
  return {
    async insert(rows, requestId) {
      const { ids } = await write("insert", { rows: rows.map(asJson) }, requestId);
      return (ids as readonly unknown[]).map(String);
    },
    async upsert(rows, requestId) {
      await write("upsert", { rows: rows.map(asJson) }, requestId);
    },
    deleteIds: async (ids, requestId) => Number((await write("delete", { ids }, requestId)).count),
    deleteFilter: async (filter, id) => Number((await write("delete", { filter }, id)).count),
    async search({ vector, ...search }) {
      const given = { ...search, vector: Array.from(vector), outputFields };
      const { results } = await read("search", given);
      const [hits = []] = results as { id: string; score: number; fields: Body }[][];
      return hits.map(({ id, score, fields }) => ({ ...shownRow({ id, ...fields }), score }));
    },
    async query(query) {
      const { rows } = await read("query", { ...query, outputFields });
      return (rows as Body[]).map(shownRow);
    },
    count: async (given) => Number((await read("count", { ...given })).count),
    async flush() {
      await call("flush", { timeoutMs: patienceMs.flush }, randomUUID(), patienceMs.flush);
    },
  };
}

export function asJson({ v, ...row }: ChaosRow): Body {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === "bigint" ? String(value) : value,
  ]);
  return { ...Object.fromEntries(entries), v: Array.from(v) };
}

async function ask(
  link: NatsLink,
  subject: string,
  body: Body,
  requestId: string,
  patience: number,
): Promise<Body> {
  const until = performance.now() + patience;
  let pause = pauseMs.first;
  for (;;) {
    const own = typeof body.timeoutMs === "number" ? body.timeoutMs : attemptMs;
    const timeoutMs = Math.max(1, Math.min(own, until - performance.now()));
    const text = JSON.stringify({ ...body, timeoutMs: Math.max(1, Math.round(timeoutMs * 0.95)) });
    const answer = await attempt(link, subject, text, { requestId, timeoutMs });
    if (!(answer instanceof ElanusError)) return answer;
    if (!answer.retryable || performance.now() + pause > until) throw answer;
    await delay(pause);
    pause = Math.min(pause * 2, pauseMs.most);
  }
}

async function attempt(
  link: NatsLink,
  subject: string,
  text: string,
  { requestId, timeoutMs }: { requestId: string; timeoutMs: number },
): Promise<Body | ElanusError> {
  const headers = { "Content-Type": "application/json" };
  const result = await link.request(subject, Buffer.from(text), { headers, timeoutMs });
  if (result.kind === "ok") return bodyOf(result.message, requestId);
  const message = `${result.kind}: ${result.detail}`;
  return new ElanusError({ code: "unavailable", status: 503, message, retryable: true, requestId });
}

function bodyOf(message: NatsMessage, requestId: string): Body | ElanusError {
  const body: Body = JSON.parse(Buffer.from(message.body).toString("utf8"));
  const code = message.header("Nats-Service-Error-Code");
  if (code === undefined) return body;
  const error = body.error as { code: string; message: string; retryable: boolean };
  return new ElanusError({ ...error, status: Number(code), requestId });
}
