// Calls of JetStream's API that are lost, as they are while a group of servers has no leader.
import { afterAll, beforeAll, expect, test } from "vitest";
import { readStreamInfo } from "../../src/system/jetstream.js";
import type { NatsLink } from "../../src/system/nats.js";
import { createLogStream, streamSettingsDefault } from "../../src/system/streams.js";
import { type NatsHarness, startHarness } from "./nats-harness.js";

let harness: NatsHarness;
let link: NatsLink;

beforeAll(async () => {
  harness = await startHarness();
  link = await harness.connect("calls-test");
  await createLogStream(link, "c1-0", streamSettingsDefault);
});
afterAll(() => harness.close());

/** The first request goes to one who hears it and says nothing. */
function losingLink(clustered: boolean): NatsLink {
  let sent = 0;
  const request: NatsLink["request"] = (subject, body, options) =>
    link.request(sent++ === 0 ? "silent" : subject, body, options);
  const changed: Partial<NatsLink> = { clustered, request };
  return new Proxy(link, {
    get: (target, name) => Reflect.get(name in changed ? changed : target, name),
  });
}

test("are made again in a cluster, and the first answer counts", async () => {
  const silent = link.subscribe("silent", () => undefined);
  expect(await readStreamInfo(losingLink(true), "WAL_c1-0")).toMatchObject({ ok: true });
  silent.close();
});

test("are given up by whoever has one server, which loses none", async () => {
  const silent = link.subscribe("silent", () => undefined);
  const lost = { ok: false, reason: "unavailable" };
  expect(await readStreamInfo(losingLink(false), "WAL_c1-0")).toMatchObject(lost);
  silent.close();
});
