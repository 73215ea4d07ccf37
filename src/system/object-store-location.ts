// Where the objects lie, as data that can cross to a thread, which opens a store of its own.
import type { ObjectStore } from "../storage/object-store.js";
import { openFileObjectStore } from "../storage/object-store-file.js";

export type ObjectStoreLocation =
  | { readonly kind: "file"; readonly root: string }
  | {
      readonly kind: "s3";
      readonly bucket: string;
      /** In front of every key, without slashes at its ends. */
      readonly prefix: string;
      readonly region: string;
      /** Null: that of AWS. */
      readonly endpoint: string | null;
    };

export async function openObjectStore(location: ObjectStoreLocation): Promise<ObjectStore> {
  switch (location.kind) {
    case "file":
      return openFileObjectStore(location.root);
    case "s3": {
      // Only where it is used: it costs each thread a tenth of a second and 20 MB.
      const { openS3ObjectStore } = await import("../storage/object-store-s3.js");
      return openS3ObjectStore(location);
    }
  }
}

/** `s3://bucket/prefix`; the prefix may be left out. */
export const objectsUrlPattern =
  /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([\w-][\w.-]*(?:\/[\w-][\w.-]*)*))?\/?$/;

export function s3LocationOf(
  url: string,
  { region, endpoint }: { region: string; endpoint: string | undefined },
): ObjectStoreLocation {
  const [, bucket, prefix = ""] = objectsUrlPattern.exec(url) ?? [];
  if (bucket === undefined) throw new Error(`'${url}' is not like s3://bucket/prefix`);
  return { kind: "s3", bucket, prefix, region, endpoint: endpoint ?? null };
}
