// What doctor says of the parts that a cluster shares: etcd, the store of the objects, and Redis.
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type EtcdSettings, inspectEtcd } from "../storage/metadata-store-etcd.js";
import type { Finding } from "./doctor.js";
import { type ObjectStoreLocation, openObjectStore } from "./object-store-location.js";
import { openSharedCache, type SharedCacheSettings } from "./shared-cache.js";

/** Each commit of a channel waits for a write as long as this, and each session of a host. */
const slowMs = 100;
const mebibyte = 1024 ** 2;
const cacheWithinMs = 2_000;
const cachePollMs = 50;

export async function inspectMetadata(settings: EtcdSettings | null): Promise<Finding> {
  const subject = "metadata";
  if (settings === null) return { level: "ok", subject, text: "in the NATS server", fix: null };
  const where = `etcd at ${settings.endpoints.join(", ")}`;
  try {
    const { version, databaseBytes, alarms, readMs } = await inspectEtcd(settings);
    const size = `${(databaseBytes / mebibyte).toFixed(1)} MiB`;
    const text = `${where}: ${version}, ${size}, a read takes ${readMs.toFixed(1)} ms`;
    if (alarms.length > 0) {
      const fix =
        "etcd refuses writes: 'etcdctl compact', 'etcdctl defrag', then 'etcdctl alarm disarm'; " +
        "set --auto-compaction-retention, or a larger --quota-backend-bytes";
      return { level: "fail", subject, text: `${text}, alarm ${alarms.join(", ")}`, fix };
    }
    if (readMs <= slowMs) return { level: "ok", subject, text, fix: null };
    return { level: "warn", subject, text, fix: "give etcd a faster disk or network" };
  } catch (error) {
    const fix = "start etcd, or mend --metadata-url, --etcd-user and --etcd-ca";
    return { level: "fail", subject, text: `${where}: ${(error as Error).message}`, fix };
  }
}

export async function inspectObjects(location: ObjectStoreLocation): Promise<Finding> {
  const subject = "objects";
  if (location.kind === "file") {
    const text = `in ${location.root}: hosts on other machines would need the same folder`;
    return { level: "ok", subject, text, fix: null };
  }
  const where = `s3://${location.bucket}/${location.prefix}`;
  try {
    const tookMs = await probe(location);
    const text = `${where}: put, get, list and delete take ${tookMs.toFixed(0)} ms`;
    return { level: "ok", subject, text, fix: null };
  } catch (error) {
    const fix =
      "mend --objects-url, --s3-endpoint, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; the " +
      "bucket must exist, and its policy allow GetObject, PutObject, DeleteObject and ListBucket";
    return { level: "fail", subject, text: `${where}: ${(error as Error).message}`, fix };
  }
}

async function probe(location: ObjectStoreLocation): Promise<number> {
  const store = await openObjectStore(location);
  const key = `doctor/${randomBytes(9).toString("hex")}`;
  const bytes = randomBytes(1024);
  const startedAtMs = performance.now();
  await store.put(key, bytes);
  const stored = await store.get(key);
  const keys = await store.list(key);
  await store.delete(key);
  if (stored === undefined || !bytes.equals(stored) || keys.length !== 1) {
    throw new Error("what was put is not what is there: the store is not S3 as Elanus needs it");
  }
  return performance.now() - startedAtMs;
}

/** Nothing depends on it, so nothing that is wrong with it is a failure. */
export async function inspectCache(settings: SharedCacheSettings | null): Promise<Finding> {
  const subject = "cache";
  if (settings === null) return { level: "ok", subject, text: "none", fix: null };
  const where = `Redis at ${new URL(settings.url).host}`;
  const cache = await openSharedCache(settings);
  try {
    const startedAtMs = performance.now();
    while (performance.now() - startedAtMs < cacheWithinMs) {
      const count = await cache.counters.add("doctor", 1, 1_000);
      if (count !== undefined) return { level: "ok", subject, text: `${where} counts`, fix: null };
      await delay(cachePollMs);
    }
  } finally {
    cache.close();
  }
  const fix = "start Redis, or mend --cache-url; until then every search is computed";
  return { level: "warn", subject, text: `${where} does not answer`, fix };
}
