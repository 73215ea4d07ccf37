// The metadata store on etcd against its contract, and with an etcd that fails.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Etcd3 } from "etcd3";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startEtcd } from "../../scripts/servers/etcd.js";
import type { ServerProcess } from "../../scripts/servers/server-process.js";
import { UnavailableError } from "../../src/storage/errors.js";
import type { MetadataStore } from "../../src/storage/metadata-store.js";
import {
  type EtcdMetadataStore,
  type EtcdSettings,
  etcdMetadataStore,
  inspectEtcd,
} from "../../src/storage/metadata-store-etcd.js";
import { bytesOf, metadataStoreContract, revisionOf } from "../contract/metadata-store.js";

const neverReplaced = (why: string): void => {
  throw new Error(why);
};
const nobody = "http://127.0.0.1:1";

let directory: string;
let etcd: ServerProcess;
const opened: EtcdMetadataStore[] = [];
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "elanus-etcd-"));
  etcd = await startEtcd({ directory: join(directory, "etcd") });
});
afterAll(async () => {
  for (const store of opened) store.close();
  await etcd.stop();
  rmSync(directory, { recursive: true });
});

function open(cluster: string, changed: Partial<EtcdSettings> = {}, replaced = neverReplaced) {
  const settings = { endpoints: [etcd.endpoint], cluster, ...changed };
  const store = etcdMetadataStore(settings, replaced);
  opened.push(store);
  return store;
}

metadataStoreContract("etcd", async () => ({ store: open("contract") }));

describe("metadata store: etcd", () => {
  it("keeps clusters apart, and lists more than a page, in order", async () => {
    const [ours, theirs] = [open("list"), open("list2")];
    const keys = Array.from({ length: 250 }, (_, index) => `many.k${1000 + index}`);
    await Promise.all(keys.map((key) => ours.create(key, bytesOf(key))));
    await theirs.create("many.other", bytesOf("x"));
    expect((await ours.list("")).map(({ key }) => key)).toEqual(keys);
    expect((await ours.list("many.k11")).map(({ key }) => key)).toEqual(keys.slice(100, 200));
    expect(await theirs.list("")).toHaveLength(1);
  });

  it("lists records of the largest size", async () => {
    const store = open("large");
    const value = new Uint8Array(512 * 1024).fill(7);
    for (let index = 0; index < 12; index++) await store.create(`large.${index}`, value);
    const records = await store.list("large.");
    expect(records.map((record) => record.value.length)).toEqual(Array(12).fill(value.length));
  });

  it("lets one of two win each of 500 take-overs", async () => {
    const stores = [open("race"), open("race")];
    let revision = revisionOf(await open("race").create("root", bytesOf("start")));
    for (let epoch = 0; epoch < 500; epoch++) {
      const tries = stores.map((store, writer) =>
        store.update("root", bytesOf(`${epoch} ${writer}`), revision),
      );
      const winners = (await Promise.all(tries)).flatMap((outcome) => (outcome.ok ? outcome : []));
      expect(winners).toHaveLength(1);
      revision = winners[0]?.revision ?? 0;
    }
  });

  it("goes to another endpoint when one is gone, and says when all are", async () => {
    const store = open("endpoints", { endpoints: [nobody, etcd.endpoint, "http://127.0.0.1:2"] });
    for (let index = 0; index < 20; index++) await store.create(`a.${index}`, bytesOf("x"));
    expect(await store.list("a.")).toHaveLength(20);
    const lost = open("endpoints", { endpoints: [nobody] });
    await expect(lost.get("a.1")).rejects.toThrow(UnavailableError);
  });

  it("tells of its version, its size and its alarms", async () => {
    const settings = { endpoints: [etcd.endpoint], cluster: "any" };
    const found = await inspectEtcd(settings);
    expect(found).toMatchObject({ version: expect.stringMatching(/^3\./), alarms: [] });
    expect(found.databaseBytes).toBeGreaterThan(0);
    await expect(inspectEtcd({ ...settings, endpoints: [nobody] })).rejects.toThrow();
  });
});

describe("metadata store: etcd, failing", () => {
  it("is unavailable while etcd is frozen; the same write again settles it", async () => {
    const store = open("frozen", { deadlineMs: 500 });
    const revision = revisionOf(await store.create("a", bytesOf("1")));
    etcd.freeze();
    // A thread of its own may still answer until the signal has reached it.
    await delay(100);
    const update = () => store.update("a", bytesOf("2"), revision);
    try {
      await Promise.all([
        expect(store.get("a")).rejects.toThrow(UnavailableError),
        expect(store.list("a")).rejects.toThrow(UnavailableError),
        expect(update()).rejects.toThrow(UnavailableError),
      ]);
    } finally {
      etcd.thaw();
    }
    const settled = revisionOf(await vi.waitFor(update, 5_000));
    expect(await store.get("a")).toEqual({ value: bytesOf("2"), revision: settled });
    expect(await update()).toEqual({ ok: true, revision: settled });
  });

  it("is back within a second of etcd, however long that was away", async () => {
    const store = open("away");
    await store.create("a", bytesOf("1"));
    await etcd.kill();
    const until = performance.now() + 4_000;
    while (performance.now() < until) {
      await expect(store.get("a")).rejects.toThrow(UnavailableError);
      await delay(20);
    }
    await etcd.restart();
    await vi.waitFor(() => store.get("a"), { timeout: 1_000, interval: 10 });
  });

  it("has every acknowledged one of 1,000 writes after kills in their midst", async () => {
    const store = open("killed");
    const acknowledged = new Map<string, number>();
    const write = async (index: number) => {
      const key = `k${index}`;
      for (;;) {
        try {
          acknowledged.set(key, revisionOf(await store.create(key, bytesOf(key))));
          return;
        } catch (error) {
          if (!(error instanceof UnavailableError)) throw error;
          await delay(50);
        }
      }
    };
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let index = writer; index < 1_000; index += 4) await write(index);
    });
    for (const count of [200, 600]) {
      await vi.waitUntil(() => acknowledged.size >= count, { timeout: 30_000, interval: 1 });
      await etcd.restart();
    }
    await Promise.all(writers);
    const records = await store.list("k");
    expect(new Map(records.map(({ key, revision }) => [key, revision]))).toEqual(acknowledged);
  });

  it("says that etcd is out of space, and goes on once there is room", async () => {
    const place = { directory: join(directory, "small"), quotaBytes: 4 * 1024 ** 2 };
    const small = await startEtcd(place);
    const endpoints = [small.endpoint];
    const store = open("small", { endpoints });
    const client = new Etcd3({ hosts: small.endpoint });
    try {
      await expect(fill(store)).rejects.toThrow("etcd is out of space");
      expect((await inspectEtcd({ endpoints, cluster: "small" })).alarms).toEqual(["NOSPACE"]);
      await store.get("fill");
      const { header } = await client.kv.range({ key: Buffer.from("x") });
      await client.kv.compact({ revision: header.revision, physical: true });
      await client.maintenance.defragment();
      const { alarms } = await client.maintenance.alarm({ action: "Get" });
      for (const { memberID, alarm } of alarms) {
        await client.maintenance.alarm({ action: "Deactivate", memberID, alarm });
      }
      await store.create("again", bytesOf("x"));
    } finally {
      client.close();
      await small.stop();
    }
  });

  it("stops for good when etcd was restored from an older snapshot, or is another one", async () => {
    const folder = join(directory, "restored");
    const first = await startEtcd({ directory: folder });
    const replaced = vi.fn();
    const store = open("restored", { endpoints: [first.endpoint] }, replaced);
    let revision = revisionOf(await store.create("a", bytesOf("1")));
    await first.stop();
    execFileSync("cp", ["-r", join(folder, "data"), join(folder, "snapshot")]);
    await first.restart();
    const update = () => store.update("a", bytesOf("2"), revision);
    revision = revisionOf(await vi.waitFor(update, 5_000));
    await first.kill();
    rmSync(join(folder, "data"), { recursive: true });
    execFileSync("mv", [join(folder, "snapshot"), join(folder, "data")]);
    await first.restart();
    await vi.waitUntil(async () => {
      await expect(store.get("a")).rejects.toThrow(UnavailableError);
      return replaced.mock.calls.length > 0;
    }, 5_000);
    expect(replaced.mock.calls).toEqual([[expect.stringContaining("went back from revision")]]);
    await expect(store.list("")).rejects.toThrow("restored from an older snapshot?");
    await first.stop();
  });
});

/** Until it is refused. */
async function fill(store: MetadataStore): Promise<void> {
  const value = new Uint8Array(256 * 1024).fill(1);
  let revision = revisionOf(await store.create("fill", value));
  for (let round = 0; round < 100; round++) {
    revision = revisionOf(await store.update("fill", value, revision));
  }
}
