// A link over a real server that is killed or frozen: one connection at a time, and nothing twice.
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openNatsMetadataStore } from "../../src/storage/metadata-store-nats.js";
import { connectNats, type NatsLink } from "../../src/system/nats.js";
import { type NatsHarness, startHarness, waitUntil } from "./nats-harness.js";

let harness: NatsHarness;
let link: NatsLink;

beforeEach(async () => {
  harness = await startHarness();
  link = await harness.connect("link-test");
});
afterEach(() => harness.close());

const text = (body: Uint8Array) => Buffer.from(body).toString();

describe("link", () => {
  it("answers a request in one of its ways", async () => {
    link.subscribe("echo", ({ reply = "", body }) => void link.publish(reply, body));
    link.subscribe("silent", () => undefined);
    const echoed = await link.request("echo", Buffer.from("x"));
    expect(echoed.kind === "ok" && text(echoed.message.body)).toBe("x");
    expect(await link.request("nobody", Buffer.from("x"))).toMatchObject({ kind: "no-responders" });
    const late = await link.request("silent", Buffer.from("x"), { timeoutMs: 50 });
    expect(late).toMatchObject({ kind: "timeout" });
    const large = new Uint8Array(link.payloadBytesMax + 1);
    expect(await link.request("echo", large)).toMatchObject({ kind: "refused" });
    expect(link.publish("echo", large)).toEqual({ ok: false, reason: "refused" });
    const cut = link.request("silent", Buffer.from("x"));
    await delay(50);
    await harness.stopServer();
    expect(await cut).toMatchObject({ kind: "disconnected" });
    expect(await link.request("echo", Buffer.from("x"))).toMatchObject({ kind: "disconnected" });
    expect(link.publish("echo", Buffer.from("x"))).toEqual({ ok: false, reason: "disconnected" });
    await harness.startServer();
    await waitUntil("a connection", () => link.connected);
    const again = await link.request("echo", Buffer.from("y"));
    expect(again.kind === "ok" && text(again.message.body)).toBe("y");
  });

  it("sends nothing on the next connection that was published before it", async () => {
    const heard: string[] = [];
    const refused: string[] = [];
    await harness.stopServer();
    await waitUntil("the loss", () => !link.connected);
    let count = 0;
    const flood = setInterval(() => {
      const word = String(count++);
      if (!link.publish("news", Buffer.from(word)).ok) refused.push(word);
    }, 1);
    const restarted = harness.startServer();
    const other = await connectNats({ servers: harness.url, name: "o", waitForServer: true });
    other.subscribe("news", ({ body }) => void heard.push(text(body)));
    await restarted;
    await waitUntil("news", () => heard.length > 5);
    clearInterval(flood);
    await other.close();
    expect(refused.length).toBeGreaterThan(5);
    expect(heard.filter((word) => refused.includes(word))).toEqual([]);
  });

  it("has one connection after the server was frozen, and hears everything once", async () => {
    const heard: string[] = [];
    const generations: number[] = [];
    link.subscribe("news", ({ body }, generation) => {
      heard.push(text(body));
      generations.push(generation);
    });
    await link.flush();
    harness.signalServer("SIGSTOP");
    await waitUntil("the loss", () => !link.connected, 30_000);
    await delay(5_000); // Several attempts to connect that nobody answers.
    harness.signalServer("SIGCONT");
    await waitUntil("a connection", () => link.connected);
    const other = await harness.connect("other");
    for (const word of ["a", "b", "c"]) other.publish("news", Buffer.from(word));
    await waitUntil("the news", () => heard.length >= 3);
    await delay(2_000);
    expect(heard).toEqual(["a", "b", "c"]);
    expect(new Set(generations)).toEqual(new Set([2]));
    expect(link.generation).toBe(2);
  });

  it("keeps a bucket usable over a killed server, and says so while there is none", async () => {
    const store = await openNatsMetadataStore(link.keyValueClient());
    const created = await store.create("a", Buffer.from("1"));
    await harness.stopServer();
    await waitUntil("the loss", () => !link.connected);
    await expect(store.get("a")).rejects.toThrow("no connection");
    await harness.startServer();
    await waitUntil("a connection", () => link.connected);
    expect(await store.get("a")).toMatchObject({ revision: created.ok && created.revision });
  });

  it("fails at once, or waits, when there is no server", async () => {
    const nowhere = { servers: "nats://127.0.0.1:1", name: "x" };
    await expect(connectNats({ ...nowhere, waitForServer: false })).rejects.toThrow();
  });
});
