// What Elanus stands on, looked at piece by piece: each finding with a way to mend it.
import { randomBytes } from "node:crypto";
import { mkdir, open, rm, statfs } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Configuration, etcdSettingsOf, objectStoreOf, sharedCacheOf } from "./config.js";
import { inspectCache, inspectMetadata, inspectObjects } from "./doctor-parts.js";
import type { NatsLink } from "./nats.js";
import { findNatsServer, natsServerVersion } from "./nats-program.js";
import { entryBytesMax } from "./streams.js";

export interface Finding {
  readonly level: "ok" | "warn" | "fail";
  readonly subject: string;
  readonly text: string;
  /** What to do about it; null when there is nothing to do. */
  readonly fix: string | null;
}

const nodeMajorMin = 20;
const payloadBytesMin = 2 * entryBytesMax;
const gigabyte = 1024 ** 3;
const clockToleranceMs = 50;

/** `link` is null when no server answers: then it looks at the program that `dev` would run. */
export async function inspect(
  configuration: Configuration,
  link: NatsLink | null,
): Promise<readonly Finding[]> {
  const program = findNatsServer(process.env);
  const etcd = etcdSettingsOf(configuration);
  const version = link?.serverVersion ?? (program && natsServerVersion(program));
  return [
    inspectNode(),
    link === null ? inspectProgram(program, version) : await inspectServer(link, etcd !== null),
    ...(version === undefined ? [] : [acknowledgement(version)]),
    inspectPayload(link),
    inspectIngest(configuration),
    await inspectMetadata(etcd),
    await inspectObjects(objectStoreOf(configuration)),
    await inspectCache(sharedCacheOf(configuration)),
    await inspectAddon(),
    await inspectDataDir(configuration.dataDir),
    await inspectDisk(configuration),
    await inspectClock(),
  ];
}

function ok(subject: string, text: string): Finding {
  return { level: "ok", subject, text, fix: null };
}

function inspectNode(): Finding {
  const { node } = process.versions;
  if (Number.parseInt(node, 10) >= nodeMajorMin) return ok("Node", node);
  const fix = `install Node ${nodeMajorMin} or newer`;
  return { level: "fail", subject: "Node", text: `${node} is too old`, fix };
}

function inspectProgram(program: string | undefined, version: string | undefined): Finding {
  const subject = "nats-server";
  if (program !== undefined && version !== undefined) {
    return ok(subject, `${version} at ${program}; none answers now, 'elanus dev' starts one`);
  }
  const fix = "run 'npm run setup', or name one with ELANUS_NATS_SERVER";
  return { level: "fail", subject, text: "not found", fix };
}

async function inspectServer(link: NatsLink, hasEtcd: boolean): Promise<Finding> {
  const subject = "nats-server";
  const text = `${link.serverVersion} answers at ${link.url}`;
  const result = await link.request("$JS.API.INFO", new Uint8Array(), { timeoutMs: 2_000 });
  if (result.kind !== "ok") {
    const fix = "turn JetStream on: 'jetstream { store_dir: ... }' in the server's settings";
    return { level: "fail", subject, text: `${text}, without JetStream`, fix };
  }
  if (!link.clustered) return ok(subject, `${text}, with JetStream`);
  if (hasEtcd) return ok(subject, `${text}, one of a cluster, with JetStream`);
  const fix =
    "metadata in a key-value bucket is not safe on a cluster: keep it in etcd (--metadata-url), " +
    "or use a single server";
  return { level: "fail", subject, text: `${text}, one of a cluster`, fix };
}

/** An acknowledgement is what the server's settings make of it, and no more. */
function acknowledgement(version: string): Finding {
  const subject = "acknowledged writes";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const canSync = major > 2 || (major === 2 && minor >= 10);
  const text =
    "survive the death of any process; a power cut can take those of the last two minutes " +
    "from a single server, which syncs its log no more often than that by default";
  const fix = canSync
    ? "a server of your own can sync each write: 'sync_interval: always' in its jetstream block"
    : `${version} has no setting for it; 2.10 and newer have 'sync_interval: always'`;
  return { level: "warn", subject, text, fix };
}

function inspectPayload(link: NatsLink | null): Finding {
  const subject = "max_payload";
  if (link === null) return ok(subject, "8 MiB in the server that 'elanus dev' starts");
  const bytes = link.payloadBytesMax;
  const text = `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
  if (bytes >= payloadBytesMin) return ok(subject, text);
  const fix =
    "set 'max_payload: 8MB' in the server's settings: larger batches are refused until then";
  return { level: "warn", subject, text, fix };
}

/** A window of the log is kept for the sake of retries, so its limit also limits the rate. */
function inspectIngest({ logBytesMax, duplicateWindowMs }: Configuration): Finding {
  const bytesPerSecond = (0.9 * logBytesMax) / (duplicateWindowMs / 1000);
  const rate = `${(bytesPerSecond / 1024 ** 2).toFixed(1)} MiB/s`;
  const log = `${(logBytesMax / gigabyte).toFixed(1)} GiB`;
  const window = `${duplicateWindowMs / 1000} s`;
  return ok("sustained ingest", `up to ${rate} a shard: ${log} of log hold a window of ${window}`);
}

async function inspectAddon(): Promise<Finding> {
  const subject = "vector index";
  try {
    await import("../index/hnsw.js");
    return ok(subject, "the native addon hnswlib-node loads");
  } catch (error) {
    const text = `the native addon does not load: ${(error as Error).message}`;
    const fix = "it needs python3, make and g++; then: npm rebuild hnswlib-node";
    return { level: "fail", subject, text, fix };
  }
}

async function inspectDataDir(dataDir: string): Promise<Finding> {
  const subject = "data folder";
  const directory = resolve(dataDir);
  const file = join(directory, `.doctor-${randomBytes(4).toString("hex")}`);
  try {
    await mkdir(directory, { recursive: true });
    const startedAtMs = performance.now();
    const handle = await open(file, "w");
    await handle.writeFile("written by elanus doctor");
    await handle.sync();
    await handle.close();
    const tookMs = performance.now() - startedAtMs;
    await rm(file);
    return ok(subject, `${directory} can be written; a synced write takes ${tookMs.toFixed(1)} ms`);
  } catch (error) {
    const fix = "choose another with --data-dir, or give this user the right to write there";
    return { level: "fail", subject, text: (error as Error).message, fix };
  }
}

async function inspectDisk({ dataDir, logBytesMax }: Configuration): Promise<Finding> {
  const subject = "disk";
  try {
    const { bavail, bsize } = await statfs(resolve(dataDir));
    const freeBytes = bavail * bsize;
    const text = `${(freeBytes / gigabyte).toFixed(1)} GiB free`;
    if (freeBytes < gigabyte) return { level: "fail", subject, text, fix: "free some space" };
    if (freeBytes > logBytesMax + gigabyte) return ok(subject, text);
    const fix = "one shard's log may fill it: free some space, or set ELANUS_LOG_BYTES_MAX lower";
    return { level: "warn", subject, text, fix };
  } catch (error) {
    return { level: "fail", subject, text: (error as Error).message, fix: "see the data folder" };
  }
}

/** Stamps are held within a second of the broker's time, so a clock that jumps shows in them. */
async function inspectClock(): Promise<Finding> {
  const subject = "clock";
  const wallMs = Date.now();
  const monotonicMs = performance.now();
  await delay(200);
  const driftMs = Date.now() - wallMs - (performance.now() - monotonicMs);
  const isOld = new Date(wallMs).getUTCFullYear() < 2024;
  if (Math.abs(driftMs) <= clockToleranceMs && !isOld) return ok(subject, "runs evenly");
  const text = isOld ? `shows ${new Date(wallMs).toISOString()}` : `jumped by ${driftMs} ms`;
  return { level: "warn", subject, text, fix: "let NTP keep it, for instance with chrony" };
}
