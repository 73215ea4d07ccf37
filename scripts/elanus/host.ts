// `elanus host`: one process that runs the actors of its roles until it is told to end.
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { ownFormats } from "../../src/storage/formats.js";
import {
  type Configuration,
  etcdSettingsOf,
  natsSettingsOf,
  objectStoreOf,
  sharedCacheOf,
} from "../../src/system/config.js";
import { FormatNotRead } from "../../src/system/format-watch.js";
import { type Host, type HostSettings, startHost } from "../../src/system/host.js";
import { createOperatorLog } from "../../src/system/operator-log.js";
import { packageVersion } from "../../src/system/package-version.js";
import { interruption } from "./interruption.js";

/** What is in flight gets a few seconds; what then still hangs must not keep the process. */
const drainWithinMs = 14_000;

/** Given by test-only entry scripts, which plant a bug or a crash, or pass for another version. */
export type Changed = Partial<Pick<HostSettings, "definitions" | "version" | "formats">>;

export async function runHost(
  configuration: Configuration,
  changed: Changed = {},
): Promise<number> {
  const host = configuration.name ?? `host-${randomBytes(4).toString("hex")}`;
  const log = createOperatorLog(configuration, host);
  const told = interruption();
  const { roles, sessionTtlMs, readsMax, searchThreads, buildThreads } = configuration;
  const { unflushedBytesMax, channelBytesMax, quotaRequests, quotaBytes } = configuration;
  const { replicas, logBytesMax, duplicateWindowMs, dataDir, diskReserveBytes } = configuration;
  mkdirSync(dataDir, { recursive: true });
  const starting = startHost({
    ...{ host, roles, sessionTtlMs, readsMax, searchThreads, buildThreads },
    ...{ dataDir, diskReserveBytes, unflushedBytesMax, channelBytesMax },
    nats: natsSettingsOf(configuration, host, true),
    streams: { replicas, logBytesMax, duplicateWindowMs },
    etcd: etcdSettingsOf(configuration),
    objectStore: objectStoreOf(configuration),
    cache: sharedCacheOf(configuration),
    quota: { requests: quotaRequests ?? null, bytes: quotaBytes ?? null },
    version: packageVersion(),
    formats: ownFormats,
    ...changed,
    report: log.report,
    outgrown({ message }) {
      log.report("error", "host", `ends: ${message}`);
      // At once: nothing that it still did would be of use to anybody.
      process.exit(1);
    },
    metadataReplaced(why) {
      log.report("error", "host", `ends: ${why}`);
      // At once: in order would be to write to a store that is another one now.
      process.exit(1);
    },
  });
  const started = starting.catch((error: unknown) => {
    if (error instanceof FormatNotRead) return error;
    throw error;
  });
  const early = await Promise.race([started, told]);
  if (early instanceof FormatNotRead) {
    log.report("error", "host", `does not start: ${early.message}`);
    process.exit(1);
  }
  if (typeof early === "string") return 0;
  const running = early;
  log.report("info", "host", `runs ${roles.join(", ")}`);
  const emptied = running.emptied.then(() => "it was drained, and nothing is left on it");
  log.report("info", "host", `ends: ${await Promise.race([told, emptied])}`);
  await drained(running);
  return 0;
}

async function drained(host: Host): Promise<void> {
  const timer = setTimeout(() => process.exit(1), drainWithinMs);
  await host.drain();
  clearTimeout(timer);
}
