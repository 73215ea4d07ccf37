// The metadata stores against their contract, and the NATS one with a server that fails.
import { connect, type NatsConnection } from "nats";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { UnavailableError } from "../../src/storage/errors.js";
import type { MetadataStore } from "../../src/storage/metadata-store.js";
import { memoryMetadataStore } from "../../src/storage/metadata-store-memory.js";
import {
  type KeyValueBucket,
  natsMetadataStore,
  openNatsMetadataStore,
} from "../../src/storage/metadata-store-nats.js";
import { bytesOf, metadataStoreContract, revisionOf } from "./metadata-store.js";
import { type NatsServer, startNatsServer } from "./nats-server.js";

metadataStoreContract("memory", async () => ({
  store: memoryMetadataStore(),
}));

const clientOf = async (connection: NatsConnection) => ({
  views: connection.jetstream({ timeout: 500 }).views,
  streams: (await connection.jetstreamManager({ timeout: 500 })).streams,
});
const connectTo = (server: NatsServer): Promise<NatsConnection> =>
  connect({ servers: server.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });

metadataStoreContract("NATS", async () => {
  const server = await startNatsServer();
  const connection = await connectTo(server);
  const store = await openNatsMetadataStore(await clientOf(connection));
  const close = async (): Promise<void> => {
    await connection.close();
    await server.stop();
  };
  return { store, close };
});

describe("metadata store: NATS, failing", () => {
  let server: NatsServer;
  let connection: NatsConnection;
  let store: MetadataStore;
  beforeAll(async () => {
    server = await startNatsServer();
    connection = await connectTo(server);
    store = await openNatsMetadataStore(await clientOf(connection), "FAILING");
  });
  afterAll(async () => {
    await connection.close();
    await server.stop();
  });

  it("lies in a file, with one replica and no history", async () => {
    const { history, replicas, storage } = await (
      await (await clientOf(connection)).views.kv("FAILING")
    ).status();
    expect({ history, replicas, storage }).toEqual({ history: 1, replicas: 1, storage: "file" });
  });

  it("counts a write whose acknowledgement was lost, and one that was never sent", async () => {
    const { views, streams } = await clientOf(connection);
    const bucket: KeyValueBucket = await views.kv("FAILING");
    const storeLosing = (lost: "request" | "acknowledgement"): MetadataStore =>
      natsMetadataStore(losing(bucket, lost), streams, "FAILING");
    const lossy = storeLosing("acknowledgement");
    const created = revisionOf(await lossy.create("lost.a", bytesOf("1")));
    const updated = revisionOf(await lossy.update("lost.a", bytesOf("2"), created));
    expect(await store.get("lost.a")).toEqual({ value: bytesOf("2"), revision: updated });
    expect(await lossy.delete("lost.a", updated)).toEqual({ ok: true, revision: updated });
    expect(await store.get("lost.a")).toBeUndefined();

    const mute = storeLosing("request");
    const revision = revisionOf(await store.create("mute.a", bytesOf("1")));
    await expect(mute.create("mute.b", bytesOf("1"))).rejects.toThrow(UnavailableError);
    await expect(mute.update("mute.a", bytesOf("2"), revision)).rejects.toThrow(UnavailableError);
    await expect(mute.delete("mute.a", revision)).rejects.toThrow(UnavailableError);
    expect(await mute.update("mute.a", bytesOf("2"), revision + 1000)).toMatchObject({ ok: false });
  });

  it("keeps to a refusal when what stood in the way has gone since", async () => {
    const { views, streams } = await clientOf(connection);
    const bucket: KeyValueBucket = await views.kv("FAILING");
    const revision = revisionOf(await store.create("gone.a", bytesOf("other")));
    const create = async (key: string, value: Uint8Array): Promise<number> => {
      const written = bucket.create(key, value);
      await written.catch(() => store.delete(key, revision));
      return written;
    };
    const racing = natsMetadataStore({ ...losing(bucket, "request"), create }, streams, "FAILING");
    expect(await racing.create("gone.a", bytesOf("ours"))).toMatchObject({ ok: false });
    expect(await store.get("gone.a")).toBeUndefined();
  });

  it("reads nothing again where nothing has changed, and all where the bucket was made anew", async () => {
    const client = await clientOf(connection);
    const bucket = await client.views.kv("LISTED");
    let reads = 0;
    const counted: KeyValueBucket = {
      get: (key) => {
        reads += 1;
        return bucket.get(key);
      },
      create: (key, value) => bucket.create(key, value),
      update: (key, value, revision) => bucket.update(key, value, revision),
      delete: (key, options) => bucket.delete(key, options),
    };
    const listed = natsMetadataStore(counted, client.streams, "LISTED");
    const fill = async (text: string) => {
      for (let n = 0; n < 10; n += 1) await bucket.create(`x.${n}`, bytesOf(text));
    };
    await fill("old");
    const first = await listed.list("x.");
    await bucket.put("y.0", bytesOf("elsewhere"));
    expect(await listed.list("x.")).toBe(first);
    expect(reads).toBe(10);
    await bucket.destroy();
    await client.views.kv("LISTED");
    await fill("new");
    await bucket.put("y.0", bytesOf("elsewhere"));
    await bucket.put("y.1", bytesOf("elsewhere"));
    const values = (await listed.list("x.")).map(({ value }) => new TextDecoder().decode(value));
    expect(values).toEqual(Array.from({ length: 10 }, () => "new"));
  });

  it("reads all again on another connection", async () => {
    const client = await clientOf(connection);
    let generation = 1;
    const streams: typeof client.streams & { connection(): number } = Object.assign(
      Object.create(client.streams),
      { connection: () => generation },
    );
    const bucket = await client.views.kv("LISTED_TWICE");
    const listed = natsMetadataStore(bucket, streams, "LISTED_TWICE");
    for (let n = 0; n < 10; n += 1) await bucket.create(`x.${n}`, bytesOf("1"));
    const first = await listed.list("x.");
    expect(await listed.list("x.")).toBe(first);
    generation += 1;
    const second = await listed.list("x.");
    expect(second).not.toBe(first);
    expect(second).toEqual(first);
  });

  it("is unavailable while the server is frozen; the same write again settles it", async () => {
    const revision = revisionOf(await store.create("frozen.a", bytesOf("1")));
    server.freeze();
    const update = () => store.update("frozen.a", bytesOf("2"), revision);
    try {
      await vi.waitFor(
        () => expect(store.get("frozen.a")).rejects.toThrow(UnavailableError),
        5_000,
      );
      await Promise.all([
        expect(store.list("frozen.")).rejects.toThrow(UnavailableError),
        expect(update()).rejects.toThrow(UnavailableError),
      ]);
    } finally {
      server.thaw();
    }
    const settled = revisionOf(await update());
    expect(await store.get("frozen.a")).toEqual({ value: bytesOf("2"), revision: settled });
    expect(await update()).toEqual({ ok: true, revision: settled });
  });

  it("keeps every acknowledged write when the server is killed", async () => {
    let revision = revisionOf(await store.create("killed.a", bytesOf("0")));
    for (let round = 1; round <= 3; round++) {
      revision = revisionOf(await store.update("killed.a", bytesOf(`${round}`), revision));
      await server.restart();
      await vi.waitFor(() => store.get("killed.a"), 10_000);
      expect(await store.get("killed.a")).toEqual({ value: bytesOf(`${round}`), revision });
      expect((await store.list("killed.")).map((record) => record.revision)).toEqual([revision]);
    }
  });
});

/** A bucket that loses either each write or the answer to it. */
function losing(bucket: KeyValueBucket, lost: "request" | "acknowledgement"): KeyValueBucket {
  const lose = async (write: () => Promise<unknown>): Promise<never> => {
    if (lost === "acknowledgement") await write();
    throw new Error("TIMEOUT");
  };
  return {
    get: (key) => bucket.get(key),
    create: (key, value) => lose(() => bucket.create(key, value)),
    update: (key, value, revision) => lose(() => bucket.update(key, value, revision)),
    delete: (key, options) => lose(() => bucket.delete(key, options)),
  };
}
