// Opens the metadata store, in etcd or in the NATS server, and waits for it while it is away.
import { setTimeout as delay } from "node:timers/promises";
import { UnavailableError } from "../storage/errors.js";
import type { MetadataStore } from "../storage/metadata-store.js";
import type { EtcdSettings } from "../storage/metadata-store-etcd.js";
import { openNatsMetadataStore } from "../storage/metadata-store-nats.js";
import type { NatsLink } from "./nats.js";

export interface MetadataLocation {
  /** Null: a key-value bucket of the NATS server. */
  readonly etcd: EtcdSettings | null;
  report(level: "warn", text: string): void;
  /** The store is no longer the one it was: nothing that was read from it holds. */
  replaced(why: string): void;
}

export interface OpenMetadata {
  readonly store: MetadataStore;
  close(): void;
}

const retryMs = 500;

/** Resolves when the store has answered; says what it waits for. */
export async function openMetadata(
  link: NatsLink,
  location: MetadataLocation,
): Promise<OpenMetadata> {
  const { etcd, report } = location;
  if (etcd === null) {
    refuseCluster(link);
    const open = () => openNatsMetadataStore(link.keyValueClient());
    return { store: await persistently(open, report), close: () => undefined };
  }
  // Only where it is used: it costs each start of a process a fifth of a second.
  const { etcdMetadataStore } = await import("../storage/metadata-store-etcd.js");
  const store = etcdMetadataStore(etcd, location.replaced);
  await persistently(() => store.list("leaders."), report);
  return { store, close: () => store.close() };
}

async function persistently<Value>(
  attempt: () => Promise<Value>,
  report: MetadataLocation["report"],
): Promise<Value> {
  for (let said = ""; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      if (error.message !== said) report("warn", `no metadata yet: ${error.message}`);
      said = error.message;
      await delay(retryMs);
    }
  }
}

/** A conditional write is not safe on a cluster of servers before 2.11: two could both succeed. */
function refuseCluster(link: NatsLink): void {
  if (!link.clustered) return;
  throw new Error(
    `the NATS server at ${link.url} is one of a cluster, on which metadata cannot be kept safely ` +
      "in a key-value bucket: keep it in etcd (--metadata-url), or use a single server",
  );
}
