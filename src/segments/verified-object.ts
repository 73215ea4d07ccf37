// Reads an object and compares its hash before anyone looks inside.
import type { ObjectReference } from "../messages/control.js";
import { UnavailableError } from "../storage/errors.js";
import type { ObjectStore } from "../storage/object-store.js";
import { sha256InTurns } from "../storage/sha256.js";
import type { ComputeResult } from "../system/compute.js";

export type Unreadable = Extract<ComputeResult, { kind: "unreadable" }>;
export type VerifiedObject = { readonly kind: "read"; readonly bytes: Uint8Array } | Unreadable;

export async function readVerified(
  objects: ObjectStore,
  reference: ObjectReference,
): Promise<VerifiedObject> {
  const { key, sha256 } = reference;
  const bytes = await get(objects, key);
  if (bytes === undefined) return unreadable("missing", `there is no object '${key}'`);
  if (bytes instanceof UnavailableError) return unreadable("unavailable", bytes.message);
  const hash = await sha256InTurns(bytes);
  if (hash === sha256) return { kind: "read", bytes };
  return unreadable("corrupt", `the SHA-256 of '${key}' is ${hash}, not ${sha256}`);
}

export function unreadable(reason: Unreadable["reason"], detail: string): Unreadable {
  return { kind: "unreadable", reason, detail };
}

async function get(
  objects: ObjectStore,
  key: string,
): Promise<Uint8Array | UnavailableError | undefined> {
  try {
    return await objects.get(key);
  } catch (error) {
    if (error instanceof UnavailableError) return error;
    throw error;
  }
}
