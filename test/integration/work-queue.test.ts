// Work queues over a real broker: credits, a dead holder, a slow one, an orderly end, bad messages.
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AnyMessage } from "../../src/messages/catalogue.js";
import { CreateCollection, FlushChannel } from "../../src/messages/command.js";
import { QueryChannel, queryMessages } from "../../src/messages/query.js";
import { BuildIndex, CompactSegments } from "../../src/messages/task.js";
import { envelopeOf } from "../../src/system/envelope.js";
import { readStreamInfo } from "../../src/system/jetstream.js";
import type { NatsLink } from "../../src/system/nats.js";
import { filterOf } from "../../src/system/streams.js";
import { WorkQueue } from "../../src/system/work-queue.js";
import { type NatsHarness, openTestBus, startHarness, waitUntil } from "./nats-harness.js";

const channel = "c1-0";
let harness: NatsHarness;

beforeEach(async () => {
  harness = await startHarness();
});
afterEach(() => harness.close());

interface Taken {
  readonly delivery: string;
  readonly deliveries: number;
  readonly request: string;
}

async function worker(name: string) {
  const link = await harness.connect(name);
  const bus = await openTestBus(link);
  const taken: Taken[] = [];
  const reports: string[] = [];
  const queue = new WorkQueue(link, {
    delivered: (delivery, deliveries, message) =>
      void taken.push({ delivery, deliveries, request: requestOf(message) }),
    report: (level, text) => void (level === "error" && reports.push(text)),
  });
  bus.onResumed(() => queue.resume());
  return { link, bus, queue, taken, reports };
}

function requestOf(message: AnyMessage): string {
  return "request" in message ? message.request : "";
}

function publish(link: NatsLink, message: AnyMessage): void {
  const { subject, headers, body } = envelopeOf(message, null);
  link.publish(subject, body, { headers });
}

function query(request: string): AnyMessage {
  const view = { maxAgeMs: 0, sessionSequence: null, asOfTimestamp: null, asOfSequence: null };
  return QueryChannel.create({
    ...{ channel, proxy: "p", request, attempt: 0, deadlineMs: 0, collectionId: "c1", view },
    ...{ filter: null, outputFields: [], ids: null, limit: 1, mode: "count" },
  });
}

const flush = (request: string): AnyMessage =>
  FlushChannel.create({ proxy: "p", request, deadlineMs: 0, channel });

describe("work queue", () => {
  it("asks for a few at a time, so that a frozen holder swallows no more than those", async () => {
    const { queue, taken, link } = await worker("first");
    const observer = await harness.connect("observer");
    let asked = 0;
    observer.subscribe("$JS.API.CONSUMER.MSG.NEXT.QUERIES.>", ({ body }) => {
      asked += JSON.parse(Buffer.from(body).toString("utf8")).batch;
    });
    await observer.flush();
    queue.take(queryMessages, channel, 16);
    await waitUntil("a pull", () => asked > 0);
    await delay(200);
    expect(asked).toBe(2);
    for (let n = 0; n < 16; n++) publish(link, query(`q${n}`));
    await waitUntil("as many as there were credits", () => taken.length === 16);
    queue.stop();
  });

  it("asks for many at a time while it has many, not for each one", async () => {
    const { queue, taken, link } = await worker("busy");
    const observer = await harness.connect("observer");
    const asked: number[] = [];
    observer.subscribe("$JS.API.CONSUMER.MSG.NEXT.QUERIES.>", ({ body }) => {
      asked.push(JSON.parse(Buffer.from(body).toString("utf8")).batch);
    });
    await observer.flush();
    queue.take(queryMessages, channel, 400);
    for (let n = 0; n < 400; n++) publish(link, query(`q${n}`));
    await waitUntil("as many as there were credits", () => taken.length === 400);
    expect(asked.length).toBeLessThan(100);
    expect(Math.max(...asked)).toBeLessThanOrEqual(32);
    for (const { delivery } of taken) queue.acknowledge(delivery);
    queue.take(queryMessages, channel, 400);
    await delay(300);
    expect(asked.at(-1)).toBeLessThanOrEqual(2);
    queue.stop();
  });

  it("takes as much as it has credits for, and the rest waits for others", async () => {
    const first = await worker("first");
    const second = await worker("second");
    first.queue.take(queryMessages, channel, 2);
    await delay(200);
    for (const n of [1, 2, 3, 4, 5]) publish(first.link, query(`q${n}`));
    await waitUntil("two queries", () => first.taken.length === 2);
    second.queue.take(queryMessages, channel, 10);
    await waitUntil("the rest", () => second.taken.length === 3);
    await delay(100);
    expect(first.taken.map(({ request }) => request)).toEqual(["q1", "q2"]);
    expect(second.taken.map(({ request }) => request)).toEqual(["q3", "q4", "q5"]);
    first.queue.take(queryMessages, channel, 1);
    publish(first.link, query("q6"));
    await waitUntil("one more in all", () => first.taken.length + second.taken.length === 6);
    first.queue.stop();
    second.queue.stop();
  });

  it("gives a query to another when its holder has died, about a second later", async () => {
    const dead = await worker("dead");
    const alive = await worker("alive");
    dead.queue.take(queryMessages, channel, 1);
    await delay(200);
    publish(alive.link, query("q1"));
    await waitUntil("the first delivery", () => dead.taken.length === 1);
    await dead.link.close();
    alive.queue.take(queryMessages, channel, 1);
    await waitUntil("the second delivery", () => alive.taken.length === 1, 5_000);
    expect(alive.taken).toMatchObject([{ request: "q1", deliveries: 2 }]);
    alive.queue.acknowledge(alive.taken[0]?.delivery ?? "");
    await delay(1_500);
    expect(alive.taken).toHaveLength(1);
    dead.queue.stop();
    alive.queue.stop();
  });

  it("keeps a query for as long as its holder lives and has not answered", async () => {
    const slow = await worker("slow");
    const idle = await worker("idle");
    slow.queue.take(queryMessages, channel, 1);
    await delay(200);
    publish(slow.link, query("q1"));
    await waitUntil("the delivery", () => slow.taken.length === 1);
    idle.queue.take(queryMessages, channel, 1);
    await delay(3_000);
    expect(idle.taken).toEqual([]);
    slow.queue.acknowledge(slow.taken[0]?.delivery ?? "");
    await delay(1_500);
    expect(idle.taken).toEqual([]);
    slow.queue.stop();
    idle.queue.stop();
  });

  it("hands back at once what it holds when it stops, and takes nothing while it drains", async () => {
    const leaving = await worker("leaving");
    const staying = await worker("staying");
    leaving.queue.take(queryMessages, channel, 4);
    await delay(200);
    publish(leaving.link, query("q1"));
    await waitUntil("the delivery", () => leaving.taken.length === 1);
    const drained = leaving.queue.drain(10_000);
    publish(staying.link, query("q2"));
    staying.queue.take(queryMessages, channel, 4);
    await waitUntil("q2 elsewhere", () => staying.taken.length === 1);
    expect(leaving.taken).toHaveLength(1);
    leaving.queue.acknowledge(leaving.taken[0]?.delivery ?? "");
    await drained;
    staying.queue.stop();
    const third = await worker("third");
    third.queue.take(queryMessages, channel, 4);
    await waitUntil("q2 again", () => third.taken.length === 1, 5_000);
    expect(third.taken).toMatchObject([{ request: "q2" }]);
    leaving.queue.stop();
    third.queue.stop();
  });

  it("takes queries again after the broker was killed, whose memory streams were gone", async () => {
    const one = await worker("one");
    one.queue.take(queryMessages, channel, 3);
    one.queue.take([FlushChannel], channel, 3);
    await delay(200);
    publish(one.link, flush("f1"));
    await waitUntil("the flush", () => one.taken.length === 1);
    one.queue.acknowledge(one.taken[0]?.delivery ?? "");
    await delay(200);
    await harness.killServer();
    await waitUntil("a connection", () => one.link.connected);
    await waitUntil("its stream", async () => (await readStreamInfo(one.link, "QUERIES")).ok);
    publish(one.link, query("q1"));
    publish(one.link, flush("f2"));
    await waitUntil("both", () => one.taken.length >= 3, 5_000);
    expect(one.taken.map(({ request }) => request).sort()).toEqual(["f1", "f2", "q1"]);
    one.queue.stop();
  });

  it("terminates what it cannot read, says so, and uses no credit for it", async () => {
    const one = await worker("one");
    one.queue.take(queryMessages, channel, 1);
    await delay(200);
    const headers = { "Elanus-Kind": "QueryChannel", "Elanus-Version": "1" };
    one.link.publish(`query.${channel}`, Buffer.from([1, 2, 3]), { headers });
    one.link.publish(`query.${channel}`, Buffer.from([]), {
      headers: { "Elanus-Kind": "Nonsense" },
    });
    one.link.publish(`query.${channel}`, Buffer.from([]), {
      headers: { "Elanus-Kind": "QueryChannel", "Elanus-Version": "9" },
    });
    publish(one.link, query("q1"));
    await waitUntil("the readable one", () => one.taken.length === 1);
    expect(one.taken).toMatchObject([{ request: "q1", deliveries: 1 }]);
    expect(one.reports).toHaveLength(3);
    await delay(1_500);
    expect(one.taken).toHaveLength(1);
    const info = await readStreamInfo(one.link, "QUERIES");
    expect(info.ok && info.value.state.messages).toBe(1);
    one.queue.stop();
  });

  it("covers several kinds with one subject", () => {
    expect(filterOf(queryMessages, channel)).toBe("query.c1-0");
    expect(filterOf([BuildIndex, CompactSegments], null)).toBe("task.*.*");
    expect(filterOf([FlushChannel], channel)).toBe("command.data.c1-0");
    expect(() => filterOf([FlushChannel, CreateCollection], null)).toThrow("no one subject");
  });
});
