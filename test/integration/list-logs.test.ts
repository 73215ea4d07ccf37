// Which channels have a log, asked of a real server: all of them, and nothing else.
import { afterEach, beforeEach, expect, it } from "vitest";
import { ensureStream } from "../../src/system/jetstream.js";
import {
  createLogStream,
  listLogs,
  logStream,
  removeLogStream,
  streamSettingsDefault,
} from "../../src/system/streams.js";
import { type NatsHarness, startHarness } from "./nats-harness.js";

let harness: NatsHarness;

beforeEach(async () => {
  harness = await startHarness();
});
afterEach(() => harness.close());

it("lists the logs of channels, and no stream of another kind", async () => {
  const link = await harness.connect("lists");
  expect(await listLogs(link)).toEqual({ ok: true, value: [] });
  const settings = { ...streamSettingsDefault, logBytesMax: 1024 ** 2 };
  for (const channel of ["a-0", "a-1"]) await createLogStream(link, channel, settings);
  const other = { ...logStream("x", settings), name: "OTHER", subjects: ["other.>"] };
  expect(await ensureStream(link, other)).toMatchObject({ ok: true });
  const listed = await listLogs(link);
  expect(listed.ok && [...listed.value].sort()).toEqual(["a-0", "a-1"]);
  await removeLogStream(link, "a-0");
  expect(await listLogs(link)).toEqual({ ok: true, value: ["a-1"] });
});
