// A bucket of an S3 of its own for one test file, and stores that open it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type S3Server, startS3 } from "../../scripts/servers/s3.js";
import type { ObjectStore } from "../../src/storage/object-store.js";
import { openS3ObjectStore, type S3Location } from "../../src/storage/object-store-s3.js";
import type { Patience } from "../../src/storage/patient-calls.js";

export interface S3Bucket {
  readonly server: S3Server;
  /** Where the server keeps the bytes of an object. */
  fileOf(key: string): string;
  open(prefix: string, patience?: Patience, endpoint?: string): ObjectStore;
  close(): Promise<void>;
}

export async function startS3Bucket(): Promise<S3Bucket> {
  const directory = await mkdtemp(join(tmpdir(), "elanus-s3-"));
  const server = await startS3({ directory });
  const { accessKeyId, secretAccessKey } = server.credentials;
  process.env.AWS_ACCESS_KEY_ID = accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = secretAccessKey;
  const stores: { close(): void }[] = [];
  return {
    server,
    fileOf: (key) => join(directory, "data", server.bucket, `${key}._S3rver_object`),
    open(prefix, patience, endpoint = server.endpoint) {
      const { bucket } = server;
      const location: S3Location = { bucket, prefix, region: "us-east-1", endpoint };
      const store = openS3ObjectStore(location, patience);
      stores.push(store);
      return store;
    },
    async close() {
      for (const store of stores) store.close();
      await server.stop();
      await rm(directory, { recursive: true });
    },
  };
}
