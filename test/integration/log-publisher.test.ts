// Appends over a real broker that is killed: what was acknowledged is there, and nothing twice.
import { spawn } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Ticked } from "../../src/messages/wal.js";
import { logEnvelopeOf } from "../../src/system/envelope.js";
import { readStoredMessage, readStreamInfo } from "../../src/system/jetstream.js";
import { type AppendResult, LogPublisher } from "../../src/system/log-publisher.js";
import { createLogSpace } from "../../src/system/log-space.js";
import type { NatsLink } from "../../src/system/nats.js";
import { createLogStream, streamSettingsDefault } from "../../src/system/streams.js";
import { type NatsHarness, startHarness, waitUntil } from "./nats-harness.js";

const channel = "c1-0";
let harness: NatsHarness;
let link: NatsLink;

beforeEach(async () => {
  harness = await startHarness();
  link = await harness.connect("publisher-test");
});
afterEach(() => harness.close());

function appendOf(id: string, connection: number | null, bytes = 0) {
  const message = Ticked.create({ channel });
  const entry = { stamp: 7n, request: id, messageId: id, stream: `WAL_${channel}` };
  const envelope = logEnvelopeOf(message, entry);
  const body = bytes === 0 ? envelope.body : new Uint8Array(bytes);
  return { channel, ...envelope, body, connection };
}

async function requestsInLog(): Promise<string[]> {
  const info = await readStreamInfo(link, `WAL_${channel}`);
  if (!info.ok) throw new Error(info.detail);
  const requests: string[] = [];
  for (let n = info.value.state.first_seq; n <= info.value.state.last_seq; n += 1) {
    const stored = await readStoredMessage(link, `WAL_${channel}`, n);
    requests.push((stored.ok && stored.value?.header("Elanus-Request")) || `none at ${n}`);
  }
  return requests;
}

const moduleOf = (name: string) =>
  new URL(`../../dist/src/system/${name}.js`, import.meta.url).href;

/**
 * A process with a request in hand, whose timer fires as the first thing after the freeze, before
 * the process can notice that its connection has ended meanwhile.
 */
function frozenWriter() {
  const append = { channel, subject: `wal.${channel}`, body: [1] };
  const program = `
    import { LogPublisher } from "${moduleOf("log-publisher")}";
    import { createLogSpace } from "${moduleOf("log-space")}";
    import { connectNats } from "${moduleOf("nats")}";
    const link = await connectNats({ servers: "${harness.url}", name: "frozen", waitForServer: false });
    const publisher = new LogPublisher(link, createLogSpace(link));
    link.observe({ reconnected: () => publisher.resume() });
    const append = (request, connection) => publisher.append({
      ...${JSON.stringify(append)}, body: Uint8Array.of(1), connection,
      headers: { "Nats-Msg-Id": request, "Elanus-Request": request },
    });
    const { generation } = link;
    await append("warm", generation);
    setTimeout(async () => {
      const client = append("client", generation);
      const own = append("own", null);
      console.log((await client).reason);
      console.log("own entry at", (await own).sequence);
    }, 1_000);
    console.log("ready");
    setInterval(() => undefined, 1_000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const said = (text: string) => waitUntil(text, () => output.split("\n").includes(text));
  return { pid: child.pid ?? 0, said, kill: () => child.kill("SIGKILL") };
}

describe("log publisher", () => {
  it("acknowledges with sequences, and a repeat with the original one", async () => {
    await createLogStream(link, channel, streamSettingsDefault);
    const publisher = new LogPublisher(link, createLogSpace(link));
    const first = await publisher.append(appendOf("a", link.generation));
    const second = await publisher.append(appendOf("b", null));
    const again = await publisher.append(appendOf("a", link.generation));
    expect(first).toEqual({ ok: true, sequence: 1, duplicate: false });
    expect(second).toEqual({ ok: true, sequence: 2, duplicate: false });
    expect(again).toEqual({ ok: true, sequence: 1, duplicate: true });
    publisher.close();
  });

  it("loses nothing that was acknowledged when the broker is killed, and doubles nothing", async () => {
    await createLogStream(link, channel, streamSettingsDefault);
    const publisher = new LogPublisher(link, createLogSpace(link));
    link.observe({ reconnected: () => publisher.resume() });
    const results = new Map<string, AppendResult>();
    let running = true;
    const write = async (name: string, ofClient: boolean) => {
      for (let n = 0; running; n += 1) {
        const id = `${name}${n}`;
        const append = appendOf(id, ofClient ? link.generation : null);
        results.set(id, await publisher.append(append));
        if (!link.connected) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const writers = [0, 1, 2, 3].flatMap((n) => [write(`c${n}-`, true), write(`o${n}-`, false)]);
    for (let kill = 0; kill < 3; kill += 1) {
      const before = results.size;
      await waitUntil("some appends", () => results.size > before + 200);
      await harness.killServer();
      await waitUntil("a connection", () => link.connected);
    }
    const before = results.size;
    await waitUntil("appends after the last kill", () => results.size > before + 200);
    running = false;
    await Promise.all(writers);

    const logged = await requestsInLog();
    expect(new Set(logged).size).toBe(logged.length);
    const acknowledged = [...results].filter(([, result]) => result.ok).map(([id]) => id);
    expect(acknowledged.filter((id) => !logged.includes(id))).toEqual([]);
    const own = [...results].filter(([id]) => id.startsWith("o"));
    expect(own.filter(([, result]) => !result.ok)).toEqual([]);
    const clients = [...results].filter(([id, result]) => id.startsWith("c") && !result.ok);
    expect(new Set(clients.map(([, result]) => !result.ok && result.reason))).toEqual(
      new Set(["disconnected"]),
    );
    publisher.close();
  });

  it("never sends a client's append on a later connection than its request came on", async () => {
    await createLogStream(link, channel, streamSettingsDefault);
    const publisher = new LogPublisher(link, createLogSpace(link));
    link.observe({ reconnected: () => publisher.resume() });
    await publisher.append(appendOf("warm", link.generation));
    const old = link.generation;
    const ended = new Promise<void>((done) => link.observe({ disconnected: done }));
    const killed = harness.killServer();
    await ended;
    const whileDown = await publisher.append(appendOf("down", old));
    const ownWhileDown = publisher.append(appendOf("own", null));
    await killed;
    await waitUntil("a connection", () => link.connected);
    const afterwards = await publisher.append(appendOf("late", old));
    expect(whileDown).toMatchObject({ ok: false, reason: "disconnected" });
    expect(afterwards).toMatchObject({ ok: false, reason: "disconnected" });
    expect(await ownWhileDown).toMatchObject({ ok: true });
    expect(await requestsInLog()).toEqual(["warm", "own"]);
    publisher.close();
  });

  it("sends a client's append again on its connection until the log takes it, once", async () => {
    const publisher = new LogPublisher(link, createLogSpace(link));
    // So that the subject is not one that nobody takes.
    const listener = link.subscribe(appendOf("a", null).subject, () => undefined);
    const appended = publisher.append(appendOf("a", link.generation));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await createLogStream(link, channel, streamSettingsDefault);
    expect(await appended).toEqual({ ok: true, sequence: 1, duplicate: false });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await requestsInLog()).toEqual(["a"]);
    listener.close();
    publisher.close();
  });

  it("keeps the order of its own appends over a reconnect", async () => {
    await createLogStream(link, channel, streamSettingsDefault);
    const publisher = new LogPublisher(link, createLogSpace(link));
    link.observe({ reconnected: () => publisher.resume() });
    const ids: string[] = [];
    const appends: Promise<AppendResult>[] = [];
    const killed = harness.killServer();
    for (let n = 0; n < 2_000; n += 1) {
      ids.push(`n${n}`);
      appends.push(publisher.append(appendOf(`n${n}`, null)));
      if (n % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await killed;
    await Promise.all(appends);
    expect(await requestsInLog()).toEqual(ids);
    publisher.close();
  });

  it("says full at 90% to clients, at 100% to workers, and missing without a log", async () => {
    await createLogStream(link, channel, { ...streamSettingsDefault, logBytesMax: 100_000 });
    const publisher = new LogPublisher(link, createLogSpace(link));
    const fill = async (connection: number | null) => {
      for (let count = 0; ; count += 1) {
        const id = `${connection}-${count}`;
        const result = await publisher.append(appendOf(id, connection, 1_000));
        if (!result.ok) return { count, reason: result.reason };
      }
    };
    const clients = await fill(link.generation);
    expect(clients.reason).toBe("full");
    expect(clients.count).toBeGreaterThan(60);
    const workers = await fill(null);
    expect(workers.reason).toBe("full");
    expect(workers.count).toBeGreaterThan(5);
    const elsewhere = { ...appendOf("x", null), channel: "no-0", subject: "wal.no-0" };
    expect(await publisher.append(elsewhere)).toMatchObject({ reason: "missing" });
    const wrongStream = { ...appendOf("y", null), subject: "wal.c1-0" };
    const headers = { ...wrongStream.headers, "Nats-Expected-Stream": "WAL_other" };
    expect(await publisher.append({ ...wrongStream, headers })).toMatchObject({
      reason: "missing",
    });
    publisher.close();
  });

  it("takes nothing from clients on a full disk, and still what the workers write", async () => {
    await createLogStream(link, channel, streamSettingsDefault);
    let hasRoom = false;
    const publisher = new LogPublisher(
      link,
      createLogSpace(link, () => hasRoom),
    );
    const refused = await publisher.append(appendOf("a", link.generation));
    expect(refused).toMatchObject({ ok: false, reason: "full", detail: "the disk is almost full" });
    expect(await publisher.append(appendOf("b", null))).toMatchObject({ ok: true });
    hasRoom = true;
    expect(await publisher.append(appendOf("a", link.generation))).toMatchObject({ ok: true });
    publisher.close();
  });

  it("appends nothing for a request from before a freeze in which the connection ended", async () => {
    await createLogStream(link, channel, streamSettingsDefault);
    const child = frozenWriter();
    await child.said("ready");
    process.kill(child.pid, "SIGSTOP");
    await harness.killServer();
    await waitUntil("a connection", () => link.connected);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    process.kill(child.pid, "SIGCONT");
    await child.said("disconnected");
    await child.said("own entry at 2");
    expect(await requestsInLog()).toEqual(["warm", "own"]);
    child.kill();
  });

  it("bounds what waits for an acknowledgement", async () => {
    await createLogStream(link, channel, streamSettingsDefault);
    const limits = { messagesMax: 10, bytesMax: 10_000, deadlineMs: 5_000 };
    const publisher = new LogPublisher(link, createLogSpace(link), limits);
    const some = Array.from({ length: 20 }, (_, n) => publisher.append(appendOf(`n${n}`, null)));
    const results = await Promise.all(some);
    expect(results.filter((result) => result.ok)).toHaveLength(10);
    expect(results.at(-1)).toMatchObject({ ok: false, reason: "timeout" });
    expect(publisher.pending).toEqual({ messages: 0, bytes: 0 });
    publisher.close();
  });
});
