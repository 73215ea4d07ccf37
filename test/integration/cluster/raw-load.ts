// Inserts and strong searches by a raw client that retries nothing: what fails is seen.
import { setTimeout as delay } from "node:timers/promises";
import type { NatsLink } from "../../../src/system/nats.js";

/** Once; the answer has a field `error` if there was none, or it is one. */
export async function rawRequest(
  link: NatsLink,
  subject: string,
  body: object,
): Promise<Record<string, unknown>> {
  const bytes = Buffer.from(JSON.stringify(body));
  const result = await link.request(`elanus.v1.${subject}`, bytes, { timeoutMs: 30_000 });
  if (result.kind !== "ok") return { error: `${result.kind}: ${result.detail}` };
  return JSON.parse(Buffer.from(result.message.body).toString());
}

/** On the collection `docs` of `id` and `v` of dimension 4; returns what ends it and tells. */
export function rawLoad(link: NatsLink) {
  const failures: string[] = [];
  let [isOver, count] = [false, 0];
  const one = async (n: number) => {
    const v = [n % 7, n % 5, 1, n % 3];
    const reply =
      n % 2 === 0
        ? await rawRequest(link, "db.docs.insert", { rows: [{ id: n, v }] })
        : await rawRequest(link, "db.docs.search", { vector: v, limit: 3 });
    count += 1;
    if ("error" in reply) failures.push(JSON.stringify(reply.error));
  };
  const worker = async (first: number) => {
    for (let n = first; !isOver; n += 4) await Promise.all([one(n), delay(20)]);
  };
  const running = Promise.all([0, 1, 2, 3].map(worker));
  return async () => {
    isOver = true;
    await running;
    return { failures, count };
  };
}
