// A host is dead when its session stood still for a TTL in which the watcher looked.
import { describe, expect, it } from "vitest";
import { encodeRecord, type SessionRecord, sessionKey } from "../../src/messages/records.js";
import {
  createHosts,
  livingHosts,
  observeSessions,
  servedChannels,
  servedName,
} from "../../src/placement/hosts.js";

const ttlMs = 9_000;

function entry(host: string, revision: number, more: Partial<SessionRecord> = {}) {
  const times = { startedAtMs: 0, renewedAtMs: 0 };
  const place = { pid: 1, hostname: "machine" };
  const session: SessionRecord = {
    ...{ version: 1, host, ...place, roles: ["query"], ...times, actors: [] },
    ...more,
  };
  return { key: sessionKey(host), value: encodeRecord(session), revision };
}

describe("the life of a host", () => {
  it("ends when its revision stood still for a TTL, and begins again when it moves", () => {
    const hosts = createHosts(ttlMs);
    const living = (atMs: number, revision: number) => {
      observeSessions(hosts, [entry("a", revision)], atMs);
      return livingHosts(hosts, "query").length === 1;
    };
    expect([0, 3_000, 6_000, 9_000].map((atMs) => living(atMs, 1))).toEqual([
      ...[true, true, true, false],
    ]);
    expect(living(12_000, 2)).toBe(true);
  });

  it("ends at once when its session is gone, and counts for its roles only", () => {
    const hosts = createHosts(ttlMs);
    observeSessions(hosts, [entry("b", 1), entry("a", 2, { roles: ["data", "query"] })], 0);
    expect(livingHosts(hosts, "query")).toEqual(["a", "b"]);
    expect(livingHosts(hosts, "data")).toEqual(["a"]);
    observeSessions(hosts, [entry("b", 1)], 1);
    expect(livingHosts(hosts, "data")).toEqual([]);
  });

  it("is not judged by a time in which the watcher saw nothing", () => {
    const hosts = createHosts(ttlMs);
    observeSessions(hosts, [entry("a", 1)], 0);
    observeSessions(hosts, [entry("a", 1)], 60_000);
    expect(livingHosts(hosts, "query")).toEqual(["a"]);
    observeSessions(hosts, [entry("a", 1)], 63_000);
    expect(livingHosts(hosts, "query")).toEqual(["a"]);
    observeSessions(hosts, [entry("a", 1)], 66_000);
    expect(livingHosts(hosts, "query")).toEqual([]);
  });

  it("passes over a session that cannot be read", () => {
    const hosts = createHosts(ttlMs);
    const broken = { key: sessionKey("x"), value: Buffer.from("{"), revision: 1 };
    observeSessions(hosts, [broken, entry("a", 2)], 0);
    expect(livingHosts(hosts, "query")).toEqual(["a"]);
  });
});

it("served is what a query worker says it serves", () => {
  const actor = (name: string, channel: string | null, phase: string) => {
    return { actor: name, channel, phase, cause: null, figures: {} };
  };
  const actors = [
    actor("query-worker", "c-0", "serving"),
    actor("query-worker", "c-1", "loading"),
    actor("data-worker", "c-2", "serving"),
    actor("query-worker", null, "serving"),
  ];
  const hosts = createHosts(ttlMs);
  observeSessions(hosts, [entry("a", 1, { actors })], 0);
  const said = () => servedChannels(hosts, { lately: false });
  const saidLately = () => servedChannels(hosts, { lately: true });
  const serving = new Set([servedName("c-0", "a")]);
  // Nobody knows how long it has stood there.
  expect([said(), saidLately()]).toEqual([serving, new Set()]);
  observeSessions(hosts, [entry("a", 2, { actors })], 100);
  expect([said(), saidLately()]).toEqual([serving, serving]);
  observeSessions(hosts, [entry("a", 2, { actors })], 100 + ttlMs / 2);
  expect([said(), saidLately()]).toEqual([serving, serving]);
  observeSessions(hosts, [entry("a", 2, { actors })], 101 + ttlMs / 2);
  expect([said(), saidLately()]).toEqual([serving, new Set()]);
});
