// A host that is drained and wanted again: what it was giving away meanwhile runs once more.
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeRecord, hostKey, type Role, sessionKey } from "../../src/messages/records.js";
import { ownFormats } from "../../src/storage/formats.js";
import type { RunningActor } from "../../src/system/actor-table.js";
import { ChannelActors } from "../../src/system/channel-actors.js";
import { ClientService } from "../../src/system/client-service.js";
import { Departure } from "../../src/system/departure.js";
import { HostActors } from "../../src/system/host-actors.js";
import { Quota } from "../../src/system/quota.js";
import { Session } from "../../src/system/session.js";
import { type NatsHarness, startHarness, waitUntil } from "./nats-harness.js";
import { runScripted, type TestHost, testHost } from "./test-actor.js";

const ttlMs = 3_000;
let harness: NatsHarness;
let host: TestHost;
let session: Session;

beforeEach(async () => {
  harness = await startHarness();
  host = await testHost(harness, "departure-test");
});
afterEach(async () => {
  await session.stop();
  host.ports.bus.close();
  await harness.close();
});

/** Another host of these roles: as its clock has it, renewed at that time. */
function otherHost(roles: readonly Role[], renewedAtMs: () => number) {
  const record = () => {
    const fields = { version: 1, host: "other", pid: 1, hostname: "other", startedAtMs: 1 };
    return encodeRecord({ ...fields, roles, renewedAtMs: renewedAtMs(), actors: [], drain: null });
  };
  return host.ports.metadata.create(sessionKey("other"), record());
}

async function departing(roles: readonly ("proxy" | "coordinator")[]) {
  const { bus, metadata } = host.ports;
  const link = await harness.connect("clients");
  let ended: () => void = () => undefined;
  const mayEnd = new Promise<void>((done) => {
    ended = done;
  });
  const starts: string[] = [];
  const actors = new HostActors({
    roles,
    start(role) {
      starts.push(role);
      const { runner } = runScripted(host, () => []);
      const isFirst = starts.length === 1;
      const drain = async (withinMs: number) => {
        if (isFirst) await mayEnd; // It has work in hand.
        await runner.drain(withinMs);
      };
      const { name, status } = runner;
      const stop = () => runner.stop();
      const restart = () => undefined;
      return { name, status, tell: (o) => runner.tell(o), restart, drain, stop } as RunningActor;
    },
    serve: (proxy) =>
      ClientService.start(link, {
        version: "0.0.0",
        newId: host.ports.newId,
        take: (request) => proxy.tell({ kind: "ClientRequested", request }),
        quota: new Quota({ requests: null, bytes: null }, null),
      }),
  });
  const report = () => undefined;
  session = new Session({
    ...{ metadata, host: "me", roles, ttlMs, report, formats: ownFormats },
    actors: () => actors.actors.map(({ status }) => status),
    announce: () => undefined,
  });
  await session.start();
  const channels = new ChannelActors([], {} as never, host.ports);
  const parts = { host: "me", ttlMs, metadata, announcements: bus.announcements };
  const departure = new Departure({ ...parts, session, actors, channels, report });
  await actors.start();
  departure.start();
  return { actors, starts, departure, ended };
}

const wish = { version: 1, host: "me", draining: true, endsRun: null, request: "r1" };

describe("departure", () => {
  it("starts again what was still ending when the drain was taken back", async () => {
    await otherHost(["proxy"], () => Date.now());
    const { actors, starts, departure, ended } = await departing(["proxy"]);
    const { metadata } = host.ports;
    const written = await metadata.create(hostKey("me"), encodeRecord(wish));
    const isLeaving = async () => {
      const stored = await metadata.get(sessionKey("me"));
      return Buffer.from(stored?.value ?? []).includes('"draining"');
    };
    await waitUntil("the drain", isLeaving, 10_000);
    await metadata.delete(hostKey("me"), written.ok ? written.revision : 0);
    await delay(6_000); // The wish is read every five seconds.
    ended();
    await waitUntil("another start", () => starts.length === 2, 10_000);
    expect(actors.roles).toEqual(["proxy"]);
    expect(actors.service).not.toBe(null);
    await departure.hurry(100);
  }, 40_000);

  it("gives away to a host that lives, whatever the time is there", async () => {
    await otherHost(["coordinator"], () => Date.now() - 3_600_000);
    const { actors, departure, ended } = await departing(["coordinator"]);
    ended();
    await host.ports.metadata.create(hostKey("me"), encodeRecord(wish));
    await waitUntil("nothing left", () => actors.roles.length === 0, 10_000);
    await departure.hurry(100);
  }, 30_000);
});
