// Deletes objects and logs that belong to no collection: a creation past a fail-over leaves some.
import { collectionRecord, parseRecord } from "../../messages/records.js";
import type { Outcome } from "../../system/actor.js";
import { type CoordinatorState, expect, type Orphans } from "./state.js";

const runningMax = 16;
/** A log of another making is none of ours, whatever its name begins with. */
const channelPattern = /^[0-9a-z]{12}-\d+$/;

type Listed = Extract<Outcome, { kind: "ObjectsListed" | "ChannelsListed" }>;
type Names = Extract<Outcome, { kind: "MetadataListed" }>["result"];

export function isIdle({ listing, todo, running }: Orphans): boolean {
  return listing === null && todo.length === 0 && running === 0;
}

export function removeOrphans(state: CoordinatorState): void {
  const { orphans } = state.sweep;
  while (orphans.running < runningMax) {
    const removal = orphans.todo.pop();
    if (removal === undefined) return;
    orphans.running += 1;
    state.outbox.push({ ...removal, id: expect(state, { for: "orphan-removal" }) });
  }
}

export function listOrphans(state: CoordinatorState): void {
  state.sweep.orphans.listing = { objects: null, channels: null };
  state.outbox.push(
    { kind: "listObjects", id: expect(state, { for: "orphan-list" }), prefix: "" },
    { kind: "listChannels", id: expect(state, { for: "orphan-list" }) },
  );
}

/** The records are listed after both: whoever has an object or a log has had a record before. */
export function applyListOfOrphans(state: CoordinatorState, outcome: Listed): void {
  const { orphans } = state.sweep;
  if (orphans.listing === null) return;
  if (outcome.kind === "ObjectsListed") orphans.listing.objects = outcome.result;
  else orphans.listing.channels = outcome.result;
  const { objects, channels } = orphans.listing;
  if (objects === null || channels === null) return;
  if (!objects.ok || !channels.ok) {
    orphans.listing = null;
    return;
  }
  const id = expect(state, {
    for: "orphan-names",
    keys: objects.keys,
    channels: channels.channels,
  });
  state.outbox.push({ kind: "listMetadata", id, prefix: "collections." });
}

/** Ids are never used twice: one that was unnamed at two sweeps will never be named again. */
export function applyNames(
  state: CoordinatorState,
  found: { readonly keys: readonly string[]; readonly channels: readonly string[] },
  result: Names,
): void {
  const { orphans } = state.sweep;
  orphans.listing = null;
  const named = namedIn(result);
  if (named === null) return;
  const unnamedBefore = orphans.unnamedBefore;
  const unnamed = new Set<string>();
  const isOrphan = (id: string) => {
    if (!named.has(id)) unnamed.add(id);
    return !named.has(id) && unnamedBefore.has(id);
  };
  const keys = found.keys.filter((key) => isOrphan(idBefore(key, key.indexOf("/"))));
  const channels = found.channels
    .filter((channel) => channelPattern.test(channel))
    .filter((channel) => isOrphan(idBefore(channel, channel.lastIndexOf("-"))));
  orphans.unnamedBefore = unnamed;
  orphans.todo = [
    ...keys.map((key) => ({ kind: "deleteObject", key }) as const),
    ...channels.map((channel) => ({ kind: "removeChannel", channel }) as const),
  ];
  if (orphans.todo.length === 0) return;
  const text = `${keys.length} objects and ${channels.length} logs belong to no collection`;
  state.outbox.push({ kind: "report", level: "info", text: `${text} and are deleted` });
}

/**
 * Null when nothing may be deleted: a store without any record may be one that was lost, and a
 * record that cannot be read names an id that nobody knows.
 */
function namedIn(result: Names): ReadonlySet<string> | null {
  if (!result.ok || result.entries.length === 0) return null;
  const named = new Set<string>();
  for (const { value } of result.entries) {
    const parsed = parseRecord(collectionRecord, value);
    if (!parsed.ok) return null;
    named.add(parsed.record.collectionId);
  }
  return named;
}

function idBefore(text: string, end: number): string {
  return text.slice(0, Math.max(0, end));
}
