// Announcements over a real broker: the oldest ones on request, then live, over a killed broker too.
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AnyDefinition, AnyMessage } from "../../src/messages/catalogue.js";
import { DeadRowsCounted, ManifestCommitted } from "../../src/messages/control.js";
import { replyMessages, TimestampReply } from "../../src/messages/reply.js";
import type { Bus } from "../../src/system/bus.js";
import { envelopeOf } from "../../src/system/envelope.js";
import type { NatsLink } from "../../src/system/nats.js";
import { type NatsHarness, openTestBus, startHarness, waitUntil } from "./nats-harness.js";

let harness: NatsHarness;
let link: NatsLink;
let bus: Bus;

beforeEach(async () => {
  harness = await startHarness();
  link = await harness.connect("announcements-test");
  bus = await openTestBus(link);
});
afterEach(async () => {
  bus.close();
  await harness.close();
});

function committed(channel: string, number: number): AnyMessage {
  return ManifestCommitted.create({ channel, epoch: 1, number });
}

function publish(message: AnyMessage): void {
  const { subject, headers, body } = envelopeOf(message, null);
  link.publish(subject, body, { headers });
}

function listen(
  definitions: readonly AnyDefinition[],
  token: string | null,
  from: "oldest" | "new",
) {
  const heard: AnyMessage[] = [];
  const end = bus.announcements.listen({
    ...{ definitions, token, from },
    announced: async (message) => void heard.push(message),
  });
  const numbers = () => heard.flatMap((message) => ("number" in message ? [message.number] : []));
  return { heard, numbers, end };
}

describe("announcements", () => {
  it("come from the oldest on, or new ones only, for one channel or all", async () => {
    for (const n of [1, 2, 3]) publish(committed("a", n));
    publish(committed("b", 9));
    await link.flush();
    const oldest = listen([ManifestCommitted, DeadRowsCounted], "a", "oldest");
    const fresh = listen([ManifestCommitted], "a", "new");
    const all = listen([ManifestCommitted], null, "oldest");
    await waitUntil("the old ones", () => oldest.heard.length === 3 && all.heard.length === 4);
    publish(committed("a", 4));
    publish(DeadRowsCounted.create({ channel: "a", segmentId: "s", deadRows: 1, rowCount: 2 }));
    publish(committed("b", 10));
    await waitUntil("the new ones", () => oldest.heard.length >= 5 && all.heard.length >= 6);
    expect(oldest.numbers()).toEqual([1, 2, 3, 4]);
    expect(fresh.numbers()).toEqual([4]);
    expect(new Set(all.numbers())).toEqual(new Set([1, 2, 3, 9, 4, 10]));
    fresh.end();
    publish(committed("a", 5));
    await waitUntil("one more", () => oldest.numbers().includes(5));
    expect(fresh.numbers()).toEqual([4]);
  });

  it("go on after the broker was killed", async () => {
    const one = listen([ManifestCommitted], "a", "new");
    await delay(300);
    publish(committed("a", 1));
    await waitUntil("the first", () => one.heard.length === 1);
    await harness.killServer();
    await waitUntil("a connection", () => link.connected);
    publish(committed("a", 2));
    await waitUntil("the second", () => one.heard.length === 2, 5_000);
    expect(one.numbers()).toEqual([1, 2]);
  });

  it("carry replies to the proxy that asked, and to no other", async () => {
    const mine = listen(replyMessages, "p1", "new");
    const other = listen(replyMessages, "p2", "new");
    publish(TimestampReply.create({ proxy: "p1", request: "r", timestamp: 5n }));
    await waitUntil("the reply", () => mine.heard.length === 1);
    expect(mine.heard).toMatchObject([{ kind: "TimestampReply", timestamp: 5n }]);
    expect(other.heard).toEqual([]);
    mine.end();
  });
});
