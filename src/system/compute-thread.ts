// A worker thread's entry: runs the jobs that arrive at its port and posts what comes of them.
import { parentPort, workerData } from "node:worker_threads";
import { hnswEngine } from "../segments/index-engine.js";
import { createSegmentHost } from "../segments/segment-host.js";
import {
  type JobMessage,
  packValue,
  spentBy,
  type ThreadMessage,
  type ThreadValue,
} from "./compute-wire.js";
import { type ObjectStoreLocation, openObjectStore } from "./object-store-location.js";

export interface ThreadSettings {
  readonly objectStore: ObjectStoreLocation;
}

const port = parentPort;
if (port === null) throw new Error("this file is the entry of a worker thread");
const { objectStore } = workerData as ThreadSettings;
const host = createSegmentHost({
  objects: await openObjectStore(objectStore),
  engine: hnswEngine,
});

port.on("message", (message: JobMessage) => {
  // The part before its first pause runs at once, so jobs take effect in the order they came in.
  void resultOf(message).then(
    (value) => post({ id: message.id, ok: true, ...packed(value, message) }),
    (error: unknown) => post({ id: message.id, ok: false, detail: String(error), transfers: [] }),
  );
});

function resultOf({ job, isPart }: JobMessage): Promise<ThreadValue> {
  if (isPart && (job.kind === "search" || job.kind === "scan")) return host.runPart(job);
  return host.run(job);
}

function packed(result: ThreadValue, { job }: JobMessage) {
  const { value, transfers } = packValue(result);
  const spent = spentBy(job);
  return { value, spent, transfers: spent === null ? transfers : [...transfers, spent] };
}

function post({ transfers, ...message }: ThreadMessage & { transfers: ArrayBuffer[] }): void {
  port?.postMessage(message, transfers);
}
