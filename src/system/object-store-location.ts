// Where the objects lie, as data that can cross to a thread, which opens a store of its own.
import type { ObjectStore } from "../storage/object-store.js";
import { openFileObjectStore } from "../storage/object-store-file.js";

export type ObjectStoreLocation = { readonly kind: "file"; readonly root: string };

export function openObjectStore(location: ObjectStoreLocation): Promise<ObjectStore> {
  switch (location.kind) {
    case "file":
      return openFileObjectStore(location.root);
  }
}
