// Following a real log: in order, no faster than handled, over a killed broker, and honest about loss.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LogEntry, LogPosition } from "../../src/system/actor.js";
import { deleteStream, purgeStream, readStoredMessage } from "../../src/system/jetstream.js";
import { type FollowSettings, followLog } from "../../src/system/log-follower.js";
import type { NatsLink } from "../../src/system/nats.js";
import { createLogStream, entryBytesMax, streamSettingsDefault } from "../../src/system/streams.js";
import { type NatsHarness, startHarness, waitUntil } from "./nats-harness.js";

const channel = "c1-0";
let harness: NatsHarness;
let link: NatsLink;

beforeEach(async () => {
  harness = await startHarness();
  link = await harness.connect("follower-test");
  await createLogStream(link, channel, streamSettingsDefault);
});
afterEach(() => harness.close());

async function append(count: number, bytes = 10): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const { kind } = await link.request(`wal.${channel}`, new Uint8Array(bytes));
    expect(kind).toBe("ok");
  }
}

function follow(
  after: LogPosition | null,
  handle: (entry: LogEntry) => Promise<void>,
  over: NatsLink = link,
  settleMs?: number,
) {
  const entries: LogEntry[] = [];
  const events: string[] = [];
  const settings: FollowSettings = {
    channel,
    after,
    started: (lastSequence) => void events.push(`started ${lastSequence}`),
    entry: (entry) => {
      entries.push(entry);
      return handle(entry);
    },
    failed: (reason) => void events.push(reason),
    report: () => undefined,
  };
  const following = followLog(over, settings, settleMs);
  link.observe({ reconnected: () => following.resume() });
  const sequences = () => entries.map(({ sequence }) => sequence);
  const last = () => entries.at(-1) as LogPosition;
  return { following, entries, events, sequences, last };
}

/** What a server of a cluster says that leads since a moment ago: nothing yet of its last entries. */
function staleLink(answers: readonly object[]): NatsLink {
  const stale = [...answers];
  const request: NatsLink["request"] = async (subject, body, options) => {
    const answer = subject.includes("STREAM.INFO") ? stale.shift() : undefined;
    const result = await link.request(subject, body, options);
    if (answer === undefined || result.kind !== "ok") return result;
    const said = Buffer.from(JSON.stringify(answer));
    return { kind: "ok", message: { ...result.message, body: said } };
  };
  return new Proxy(link, {
    get(target, name) {
      if (name === "clustered") return true;
      if (name === "request") return request;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const unknownStream = { error: { code: 404, err_code: 10_059, description: "stream not found" } };

const atOnce = () => Promise.resolve();
const upTo = (last: number, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, n) => first + n);

describe("log follower", () => {
  it("reads all there is, then what comes, within milliseconds", async () => {
    await append(1_500);
    const reader = follow(null, atOnce);
    await waitUntil("the replay", () => reader.entries.length === 1_500);
    expect(reader.events).toEqual(["started 1500"]);
    await append(20);
    await waitUntil("the live entries", () => reader.entries.length === 1_520);
    expect(reader.sequences()).toEqual(upTo(1_520));
    reader.following.stop();
  });

  it("reads entries as large as there may be, and so does a look at one of them", async () => {
    await append(3, entryBytesMax);
    await append(3);
    const reader = follow(null, atOnce);
    await waitUntil("all", () => reader.entries.length === 6);
    expect(reader.entries.map(({ body }) => body.length)).toEqual([
      ...[entryBytesMax, entryBytesMax, entryBytesMax, 10, 10, 10],
    ]);
    const stored = await readStoredMessage(link, `WAL_${channel}`, 2);
    expect(stored.ok && stored.value?.body.length).toBe(entryBytesMax);
    expect(stored.ok && stored.value?.appendedAtUs).toBe(reader.entries[1]?.appendedAtUs);
    reader.following.stop();
  });

  it("goes on behind a position", async () => {
    await append(10);
    const first = follow(null, atOnce);
    await waitUntil("ten", () => first.entries.length === 10);
    first.following.stop();
    const reader = follow(first.entries[6] as LogPosition, atOnce);
    await waitUntil("three", () => reader.entries.length === 3);
    expect(reader.sequences()).toEqual([8, 9, 10]);
    reader.following.stop();
  });

  it("never holds more than a window of unhandled entries", async () => {
    await append(40, 1_000_000);
    await append(3_000);
    let unhandled = 0;
    let unhandledBytes = 0;
    let unhandledMax = 0;
    let bytesMax = 0;
    const reader = follow(null, async ({ body }) => {
      unhandled += 1;
      unhandledBytes += body.length;
      unhandledMax = Math.max(unhandledMax, unhandled);
      bytesMax = Math.max(bytesMax, unhandledBytes);
      await delay(2);
      unhandled -= 1;
      unhandledBytes -= body.length;
    });
    await waitUntil("the replay", () => reader.entries.length === 3_040);
    expect(unhandledMax).toBeLessThanOrEqual(512 + 256);
    expect(bytesMax).toBeLessThanOrEqual(13 * 1024 * 1024);
    expect(reader.sequences()).toEqual(upTo(3_040));
    reader.following.stop();
  });

  it("reads nothing anew at a reconnect while what it has read is not handled", async () => {
    await append(3_000);
    let release: () => void = () => undefined;
    const held = new Promise<void>((done) => {
      release = done;
    });
    const reader = follow(null, () => held);
    await waitUntil("the first window", () => reader.entries.length >= 512);
    for (let times = 0; times < 3; times += 1) {
      reader.following.resume();
      await delay(100);
    }
    expect(reader.entries.length).toBeLessThanOrEqual(512 + 256);
    release();
    await waitUntil("the rest", () => reader.entries.length === 3_000);
    expect(reader.sequences()).toEqual(upTo(3_000));
    reader.following.stop();
  });

  it("heals over a killed broker without a gap or a repeat, and starts once", async () => {
    const reader = follow(null, atOnce);
    for (let kill = 0; kill < 3; kill += 1) {
      await append(200);
      await harness.killServer();
      await waitUntil("a connection", () => link.connected);
    }
    await append(100);
    await waitUntil("all of them", () => reader.entries.length >= 700);
    expect(reader.sequences()).toEqual(upTo(700));
    expect(reader.events).toEqual(["started 0"]);
    reader.following.stop();
  });

  it("says purged when it was overtaken, whether paused, new or disconnected", async () => {
    await append(2_000);
    let release: () => void = () => undefined;
    const paused = new Promise<void>((done) => {
      release = done;
    });
    const slow = follow(null, () => paused);
    await waitUntil("the first window", () => slow.entries.length >= 512);
    await purgeStream(link, `WAL_${channel}`, 1_900);
    release();
    await waitUntil("the failure", () => slow.events.length === 2);
    expect(slow.events).toEqual(["started 2000", "purged"]);
    expect(slow.sequences()).toEqual(upTo(slow.entries.length));

    const fresh = follow(null, atOnce);
    await waitUntil("the failure", () => fresh.events.length > 0);
    expect(fresh.events).toEqual(["purged"]);
    const position = slow.last();
    const late = follow(position, atOnce);
    await waitUntil("the failure", () => late.events.length > 0);
    expect(late.events).toEqual(["purged"]);
  });

  it("says damaged when the tail was replaced under it, though the sequences look perfect", async () => {
    await append(5);
    await harness.stopServer();
    const store = join(harness.directory, "store");
    cpSync(store, `${store}-kept`, { recursive: true });
    await harness.startServer();
    await waitUntil("a connection", () => link.connected);
    const reader = follow(null, atOnce);
    await append(3);
    await waitUntil("eight", () => reader.entries.length === 8);
    await harness.stopServer();
    rmSync(store, { recursive: true });
    cpSync(`${store}-kept`, store, { recursive: true });
    // Written by another before the reader looks.
    await harness.startServer();
    const other = await harness.connect("other");
    for (let n = 0; n < 6; n += 1) await other.request(`wal.${channel}`, new Uint8Array(1));
    await waitUntil("the failure", () => reader.events.length === 2);
    expect(reader.events).toEqual(["started 5", "damaged"]);
  });

  it("says missing without a log, and damaged when the log was made anew", async () => {
    await append(5);
    const reader = follow(null, atOnce);
    await waitUntil("five", () => reader.entries.length === 5);
    await deleteStream(link, `WAL_${channel}`);
    await waitUntil("the failure", () => reader.events.length === 2);
    expect(reader.events).toEqual(["started 5", "missing"]);
    await createLogStream(link, channel, streamSettingsDefault);
    const again = follow(reader.last(), atOnce);
    await waitUntil("the failure", () => again.events.length > 0);
    expect(again.events).toEqual(["damaged"]);
  });

  it("takes what a new leader of a cluster does not know yet for no damage", async () => {
    await append(5);
    const before = follow(null, atOnce);
    await waitUntil("the replay", () => before.entries.length === 5);
    before.following.stop();
    await append(2);
    const endsAt3 = { config: {}, created: "", state: { first_seq: 1, last_seq: 3 } };
    const over = staleLink([unknownStream, endsAt3, endsAt3]);
    const reader = follow(before.last(), atOnce, over);
    await waitUntil("the rest", () => reader.entries.length === 2);
    expect(reader.sequences()).toEqual([6, 7]);
    expect(reader.events).toEqual(["started 7"]);
    reader.following.stop();
  });

  it("finds a log of a cluster missing that stays away", async () => {
    await deleteStream(link, `WAL_${channel}`);
    const reader = follow(null, atOnce, staleLink([]), 500);
    await waitUntil("the failure", () => reader.events.length > 0);
    expect(reader.events).toEqual(["missing"]);
  });
});
