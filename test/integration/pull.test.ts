// Pulling from a real consumer: no more than asked for, and every way in which a request ends.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createConsumer, deleteConsumer, ensureStream } from "../../src/system/jetstream.js";
import type { NatsLink } from "../../src/system/nats.js";
import { type Delivery, Pull } from "../../src/system/pull.js";
import { logStream, streamSettingsDefault } from "../../src/system/streams.js";
import { type NatsHarness, startHarness, waitUntil } from "./nats-harness.js";

/** As in a cluster, so that ends come soon. */
const timing = { expiresMs: 5_000, heartbeatMs: 1_000, silentLooksMax: 4 };

let harness: NatsHarness;
let link: NatsLink;

beforeAll(async () => {
  harness = await startHarness();
  link = await harness.connect("pull-test");
});
afterAll(() => harness.close());

async function consumerOf(channel: string, messages: number, bytes: number): Promise<string> {
  await ensureStream(link, logStream(channel, streamSettingsDefault));
  for (let n = 0; n < messages; n += 1) {
    const result = await link.request(`wal.${channel}`, new Uint8Array(bytes));
    expect(result.kind).toBe("ok");
  }
  const created = await createConsumer(link, `WAL_${channel}`, {
    ack_policy: "none",
    deliver_policy: "all",
  });
  if (!created.ok) throw new Error(created.detail);
  return created.value.name;
}

function recordingPull(channel: string, consumer: string) {
  const seen: Delivery[] = [];
  const events: string[] = [];
  const handlers = {
    delivered: (delivery: Delivery) => void seen.push(delivery),
    ended: () => void events.push("ended"),
    lost: (reason: string) => void events.push(`lost: ${reason}`),
  };
  const pull = new Pull(link, `WAL_${channel}`, consumer, handlers, timing);
  return { pull, seen, events };
}

describe("pull", () => {
  it("delivers as many as asked for, with sequence and time", async () => {
    const consumer = await consumerOf("a", 10, 100);
    const { pull, seen } = recordingPull("a", consumer);
    pull.ask(3);
    await waitUntil("three messages", () => seen.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(seen.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(pull.outstanding).toBe(0);
    expect(Math.abs((seen[0]?.appendedAtUs ?? 0) / 1000 - Date.now())).toBeLessThan(60_000);
    pull.close();
  });

  it("ends when the bytes are used up, and says so", async () => {
    const consumer = await consumerOf("b", 10, 1_000);
    const { pull, seen, events } = recordingPull("b", consumer);
    pull.ask(10, 3_500);
    await waitUntil("the end", () => events.length > 0);
    expect(events).toEqual(["ended"]);
    expect(seen.length).toBe(3);
    expect(pull.outstanding).toBe(0);
    pull.ask(10, 100_000);
    await waitUntil("the rest", () => seen.length === 10);
    pull.close();
  });

  it("ends after a while without messages, and goes on when asked again", async () => {
    const consumer = await consumerOf("c", 1, 10);
    const { pull, seen, events } = recordingPull("c", consumer);
    pull.ask(5);
    await waitUntil("the end", () => events.length > 0);
    expect(events).toEqual(["ended"]);
    expect(pull.outstanding).toBe(0);
    pull.ask(1);
    await link.request("wal.c", new Uint8Array(1));
    await waitUntil("the second message", () => seen.length === 2);
    pull.close();
  });

  it("counts right when several requests are served in turns", async () => {
    const consumer = await consumerOf("e", 0, 0);
    const { pull, seen, events } = recordingPull("e", consumer);
    pull.ask(4);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    for (let n = 0; n < 4; n += 1) pull.ask(1);
    for (let n = 0; n < 5; n += 1) await link.request("wal.e", new Uint8Array(1));
    await waitUntil("five messages", () => seen.length === 5);
    expect(pull.outstanding).toBe(3);
    await waitUntil("the ends", () => pull.outstanding === 0);
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    expect(new Set(events)).toEqual(new Set(["ended"]));
    pull.close();
  });

  it("says that the consumer was deleted under it, or never was", async () => {
    const consumer = await consumerOf("d", 0, 0);
    const deleted = recordingPull("d", consumer);
    deleted.pull.ask(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await deleteConsumer(link, "WAL_d", consumer);
    await waitUntil("the loss", () => deleted.events.length > 0, 2_000);
    expect(deleted.events[0]).toMatch(/^lost: /);
    const never = recordingPull("d", "nobody");
    never.pull.ask(1);
    await waitUntil("the loss", () => never.events.length > 0);
    expect(never.events).toEqual(["lost: the server fell silent"]);
  });
});
