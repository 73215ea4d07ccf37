// Sessions over a real bucket: renewed, a lease that ends by itself, another host of the same name.
import { spawnSync } from "node:child_process";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type ActorStatus,
  decodeRecord,
  encodeRecord,
  sessionRecord,
} from "../../src/messages/records.js";
import { ownFormats } from "../../src/storage/formats.js";
import { Session } from "../../src/system/session.js";
import { type NatsHarness, startHarness, waitUntil } from "./nats-harness.js";
import { type TestHost, testHost } from "./test-actor.js";

let harness: NatsHarness;
let host: TestHost;

beforeEach(async () => {
  harness = await startHarness();
  host = await testHost(harness, "session-test");
});
afterEach(async () => {
  host.ports.bus.close();
  await harness.close();
});

function sessionOf(name: string, ttlMs: number, actors: readonly ActorStatus[] = []) {
  const reports: string[] = [];
  const session = new Session({
    ...{ metadata: host.ports.metadata, host: name, roles: ["query"], ttlMs },
    formats: ownFormats,
    actors: () => actors,
    announce: () => undefined,
    report: (level, text) => void reports.push(`${level}: ${text}`),
  });
  return { session, reports };
}

const stored = (name: string) => host.ports.metadata.get(`sessions.${name}`);

describe("session", () => {
  it("moves its revision while the host lives, and is gone when it says goodbye", async () => {
    const { session } = sessionOf("a", 1_500);
    await session.start();
    expect(session.isHeld()).toBe(true);
    const first = await stored("a");
    expect(decodeRecord(sessionRecord, first?.value ?? new Uint8Array())).toMatchObject({
      ...{ host: "a", pid: process.pid, roles: ["query"], actors: [] },
    });
    const hasMoved = async () => ((await stored("a"))?.revision ?? 0) > (first?.revision ?? 0);
    await waitUntil("a renewal", hasMoved, 3_000);
    await session.stop();
    expect(session.isHeld()).toBe(false);
    expect(await stored("a")).toBe(undefined);
  });

  it("tells of another phase long before it would renew", async () => {
    const actors: ActorStatus[] = [];
    const { session } = sessionOf("a", 60_000, actors);
    await session.start();
    actors.push({ actor: "x", channel: null, phase: "one", cause: null, figures: {} });
    const isTold = async () => {
      const record = await stored("a");
      return decodeRecord(sessionRecord, record?.value ?? new Uint8Array()).actors.length === 1;
    };
    await waitUntil("the phase", isTold, 3_000);
    await session.stop();
  });

  it("is written however much there is to say: a record that is too large says less", async () => {
    const cause = "the log cannot be read: ".repeat(10);
    const figures = { rows: 1_000_000, bytes: 1_000_000 };
    const actors = Array.from({ length: 3_000 }, (_, n) => {
      const phase = n % 2 === 0 ? "serving" : "loading";
      return { actor: "query-worker", channel: `abcdefghijkl-${n}`, phase, cause, figures };
    });
    const { session, reports } = sessionOf("a", 60_000, actors);
    await session.start();
    const left = actors.map(({ channel }) => `query-worker ${channel} and where it should go`);
    await session.setDrain({ phase: "draining", left });
    expect(reports).toEqual([]);
    const record = decodeRecord(sessionRecord, (await stored("a"))?.value ?? new Uint8Array());
    const told = record.actors.map(({ channel, phase }) => `${channel} ${phase}`);
    expect(told).toEqual(actors.map(({ channel, phase }) => `${channel} ${phase}`));
    expect(record.drain?.phase).toBe("draining");
    expect(record.drain?.left.length).toBeGreaterThan(0);
    await session.stop();
  });

  it("loses its lease by its own clock while the store is away, and has it again after", async () => {
    const { session, reports } = sessionOf("a", 1_500);
    await session.start();
    await harness.stopServer();
    await waitUntil("the end of the lease", () => !session.isHeld(), 4_000);
    await harness.startServer();
    await waitUntil("another lease", () => session.isHeld());
    expect(reports.every((text) => text.startsWith("warn: the session is not renewed"))).toBe(true);
    await session.stop();
  });

  it("takes over at once from a process of this machine that is dead", async () => {
    const { pid = 0 } = spawnSync(process.execPath, ["--version"]);
    const fields = { version: 1, host: "a", roles: ["query"], startedAtMs: 1, renewedAtMs: 1 };
    const left = { ...fields, pid, hostname: hostname(), actors: [] };
    await host.ports.metadata.create("sessions.a", encodeRecord(left));
    const { session, reports } = sessionOf("a", 60_000);
    await session.start();
    await waitUntil("the lease", () => session.isHeld(), 3_000);
    expect(reports).toEqual([]);
    await session.stop();
  });

  it("holds no lease under the name of another, until that one is dead", async () => {
    const first = sessionOf("a", 1_500);
    await first.session.start();
    await delay(5);
    const second = sessionOf("a", 1_500);
    await second.session.start();
    expect(second.reports.join()).toContain("another process runs as host 'a'");
    for (let n = 0; n < 30; n += 1) {
      await delay(100);
      expect(second.session.isHeld()).toBe(false);
    }
    expect(first.session.isHeld()).toBe(true);
    // What a killed process leaves behind: a record that nobody renews.
    const left = await stored("a");
    await first.session.stop();
    await host.ports.metadata.create("sessions.a", left?.value ?? new Uint8Array());
    await waitUntil("the second one's lease", () => second.session.isHeld(), 5_000);
    await second.session.stop();
  });
});
