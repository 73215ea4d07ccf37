// Effects of a tiny actor over a real broker and real stores: each comes back as one outcome.
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Ticked } from "../../src/messages/wal.js";
import type { Effect, Outcome } from "../../src/system/actor.js";
import { type NatsHarness, startHarness, waitUntil } from "./nats-harness.js";
import { runScripted, type TestHost, testHost } from "./test-actor.js";

const channel = "c1-0";
let harness: NatsHarness;
let host: TestHost;

beforeEach(async () => {
  harness = await startHarness();
  host = await testHost(harness, "effects-test");
});
afterEach(async () => {
  host.ports.bus.close();
  await harness.close();
});

function tick(id: string, connection: number | null = null): Effect {
  const message = Ticked.create({ channel });
  return { kind: "append", id, message, stamp: 5n, request: id, messageId: id, connection };
}

/** The same object, but for one of its values. */
function withValue<Target extends object, Name extends keyof Target>(
  target: Target,
  name: Name,
  changed: Target[Name],
): Target {
  return new Proxy(target, {
    get(of, key) {
      if (key === name) return changed;
      const value = Reflect.get(of, key, of);
      return typeof value === "function" ? value.bind(of) : value;
    },
  });
}

/** Asks for these at its start. */
const atStart = (effects: readonly Effect[]) => (outcome: Outcome) =>
  outcome.kind === "Started" ? effects : [];

describe("effects", () => {
  it("append, follow, read and purge a channel's log", async () => {
    const steps: Record<string, readonly Effect[]> = {
      Started: [{ kind: "createChannel", id: "create", channel }],
      ChannelCreated: [{ kind: "follow", channel, after: null }, tick("a"), tick("b"), tick("a")],
    };
    const actor = runScripted(host, (outcome) => steps[outcome.kind] ?? []);
    await waitUntil("three acks", () => actor.kinds().filter((k) => k === "Appended").length === 3);
    const appended = actor.outcomes.filter((outcome) => outcome.kind === "Appended");
    expect(appended).toMatchObject([
      { id: "a", sequence: 1, duplicate: false },
      { id: "b", sequence: 2, duplicate: false },
      { id: "a", sequence: 1, duplicate: true },
    ]);
    await waitUntil(
      "entries",
      () => actor.kinds().filter((k) => k === "LogEntryRead").length === 2,
    );
    const read = actor.find("LogEntryRead")?.entry;
    expect(read).toMatchObject({ channel, sequence: 1, kind: "Ticked", stamp: 5n, request: "a" });
    expect(actor.find("FollowStarted")?.lastSequence).toBe(0);

    const again = runScripted(
      host,
      atStart([
        { kind: "readEntry", id: "one", channel, sequence: 1 },
        { kind: "readEntry", id: "none", channel, sequence: 9 },
        { kind: "purge", channel, through: 1 },
      ]),
    );
    await waitUntil("both", () => again.kinds().filter((k) => k === "EntryRead").length === 2);
    const entries = again.outcomes.flatMap((o) => (o.kind === "EntryRead" ? [o] : []));
    const byId = Object.fromEntries(entries.map(({ id, entry }) => [id, entry]));
    expect(byId.one).toEqual(read);
    expect(byId.none).toBe(null);

    const removing = runScripted(host, atStart([{ kind: "removeChannel", id: "r", channel }]));
    await waitUntil("the end", () => removing.find("ChannelRemoved") !== undefined);
    await waitUntil("the follower's end", () => actor.find("FollowFailed") !== undefined);
    expect(actor.find("FollowFailed")?.reason).toBe("missing");
    for (const { runner } of [actor, again, removing]) runner.stop();
  });

  it("tell how far a log reaches, and not in a cluster", async () => {
    const heads = [
      { kind: "readHead", id: "known", channel },
      { kind: "readHead", id: "unknown", channel: "c9-9" },
    ] as const;
    const steps: Record<string, readonly Effect[]> = {
      Started: [{ kind: "createChannel", id: "create", channel }],
      ChannelCreated: [tick("a"), tick("b")],
      Appended: heads,
    };
    const actor = runScripted(host, (outcome) => {
      const isLast = outcome.kind !== "Appended" || outcome.id === "b";
      return isLast ? (steps[outcome.kind] ?? []) : [];
    });
    const results = () =>
      actor.outcomes.flatMap((o) => (o.kind === "HeadRead" ? [[o.id, o.result]] : []));
    await waitUntil("both", () => results().length === 2);
    expect(Object.fromEntries(results())).toMatchObject({
      known: { ok: true, sequence: 2 },
      unknown: { ok: false, reason: "unavailable" },
    });
    const { bus } = host.ports;
    const link = withValue(bus.link, "clustered", true);
    const ports = { ...host.ports, bus: withValue(bus, "link", link) };
    const member = runScripted({ ...host, ports }, atStart(heads.slice(0, 1)));
    await waitUntil("the refusal", () => member.find("HeadRead") !== undefined);
    expect(member.find("HeadRead")?.result).toEqual({ ok: false, reason: "refused" });
    for (const { runner } of [actor, member]) runner.stop();
  });

  it("write, read, list and delete metadata by compare-and-set", async () => {
    const write = (id: string, revision: number | null): Effect => ({
      ...{ kind: "writeMetadata", id, key: "test.a", value: Buffer.from(id), revision },
    });
    const actor = runScripted(host, (outcome) => {
      if (outcome.kind === "Started") return [write("one", null)];
      if (outcome.kind !== "MetadataWritten" || outcome.id !== "one") return [];
      const revision = outcome.result.ok ? outcome.result.revision : 0;
      return [
        { kind: "readMetadata", id: "read", key: "test.a" },
        { kind: "readMetadata", id: "none", key: "test.b" },
        { kind: "listMetadata", id: "list", prefix: "test." },
        write("create-again", null),
        { kind: "writeMetadata", id: "gone", key: "test.c", value: null, revision },
      ];
    });
    await waitUntil("all", () => actor.outcomes.length === 7);
    const result = (id: string) =>
      actor.outcomes.flatMap((o) => ("id" in o && "result" in o && o.id === id ? [o.result] : []));
    expect(result("read")).toMatchObject([{ ok: true, entry: { key: "test.a" } }]);
    expect(result("none")).toEqual([{ ok: true, entry: null }]);
    expect(result("list")).toMatchObject([{ ok: true, entries: [{ key: "test.a" }] }]);
    expect(result("create-again")).toEqual([{ ok: false, reason: "conflict" }]);
    expect(result("gone")).toMatchObject([{ ok: true }]);
    actor.runner.stop();
  });

  it("read objects only with the hash that was asked for, delete only while the lease holds", async () => {
    const bytes = Buffer.from("an object");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const actor = runScripted(host, (outcome) => {
      if (outcome.kind === "Started") return [{ kind: "writeObject", id: "w", key: "a/b", bytes }];
      if (outcome.kind !== "ObjectWritten") return [];
      return [
        { kind: "readObject", id: "good", key: "a/b", sha256 },
        { kind: "readObject", id: "corrupt", key: "a/b", sha256: "00" },
        { kind: "readObject", id: "missing", key: "a/c", sha256 },
        { kind: "listObjects", id: "list", prefix: "a/" },
      ];
    });
    await waitUntil("all", () => actor.outcomes.length === 6);
    const result = (id: string) =>
      actor.outcomes.flatMap((o) => ("id" in o && "result" in o && o.id === id ? [o.result] : []));
    expect(result("good")).toMatchObject([{ ok: true, bytes: new Uint8Array(bytes) }]);
    expect(result("corrupt")).toMatchObject([{ ok: false, reason: "corrupt" }]);
    expect(result("missing")).toMatchObject([{ ok: false, reason: "missing" }]);
    expect(result("list")).toMatchObject([{ ok: true, keys: ["a/b"] }]);

    const deletion = atStart([{ kind: "deleteObject", id: "d", key: "a/b" }]);
    host.isLeaseHeld = false;
    const late = runScripted(host, deletion);
    await waitUntil("the refusal", () => late.find("ObjectDeleted") !== undefined);
    expect(late.find("ObjectDeleted")?.result).toMatchObject({ ok: false });
    host.isLeaseHeld = true;
    const held = runScripted(host, deletion);
    await waitUntil("the deletion", () => held.find("ObjectDeleted") !== undefined);
    expect(held.find("ObjectDeleted")?.result).toEqual({ ok: true });
    for (const { runner } of [actor, late, held]) runner.stop();
  });

  it("tell of a reconnect, fire timers, and answer for threads that fail", async () => {
    const job = { kind: "dropChannel", channel } as const;
    const actor = runScripted(
      host,
      atStart([
        { kind: "timer", id: "t", afterMs: 1 },
        { kind: "timer", id: "t", afterMs: 20 },
        { kind: "timer", id: "soon", afterMs: 0 },
        { kind: "compute", id: "c", job },
      ]),
    );
    await waitUntil("all", () => actor.outcomes.length === 4);
    expect(actor.outcomes.flatMap((o) => (o.kind === "TimerFired" ? o.id : []))).toEqual([
      "soon",
      "t",
    ]);
    expect(actor.find("Computed")?.result).toMatchObject({ ok: false });
    await harness.killServer();
    await waitUntil("the reconnect", () => actor.find("Reconnected") !== undefined);
    expect(actor.find("Reconnected")?.connection).toBe(host.ports.bus.link.generation);
    actor.runner.stop();
  });

  it("of an earlier life reach no later one", async () => {
    let lives = 0;
    const actor = runScripted(host, (outcome) => {
      if (outcome.kind === "TimerFired" && outcome.id === "restart") {
        return [{ kind: "restart", reason: "for the test", afterMs: 0 }, tick("never")];
      }
      if (outcome.kind !== "Started") return [];
      lives += 1;
      if (lives > 1) return [];
      return [
        { kind: "timer", id: "restart", afterMs: 20 },
        { kind: "timer", id: "late", afterMs: 100 },
        { kind: "listMetadata", id: "list", prefix: "x." },
      ];
    });
    await waitUntil("two lives", () => lives === 2);
    await delay(300);
    expect(actor.outcomes.some((o) => o.kind === "TimerFired" && o.id === "late")).toBe(false);
    expect(actor.kinds().filter((kind) => kind === "AppendFailed")).toEqual([]);
    expect(actor.runner.status.figures.restarts).toBe(1);
    actor.runner.stop();
  });

  it("that break an invariant restart the actor, ever later, and say why", async () => {
    let lives = 0;
    const actor = runScripted(host, (outcome) => {
      if (outcome.kind !== "Started") return [];
      lives += 1;
      if (lives === 2) throw new Error("broken on purpose");
      if (lives > 3) return [];
      return [{ kind: "writeMetadata", id: "w", key: "no key", value: null, revision: 1 }];
    });
    await waitUntil("four lives", () => lives === 4);
    expect(actor.runner.status.figures.restarts).toBe(3);
    expect(host.reports.some((text) => text.includes("broken on purpose"))).toBe(true);
    expect(host.reports.filter((text) => text.includes("starts again")).length).toBe(3);
    actor.runner.stop();
    expect(actor.runner.status.phase).toBe("stopped");
  });
});
