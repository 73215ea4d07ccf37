// Deletes logs that belong to no collection: a creation past a fail-over and a drop leaves one.
import { collectionRecord, parseRecord } from "../../messages/records.js";
import type { Outcome } from "../../system/actor.js";
import { type CoordinatorState, expect } from "./state.js";

/** A log of another making is none of ours, whatever its name begins with. */
const channelPattern = /^[0-9a-z]{12}-\d+$/;

export function decideChannelSweep(state: CoordinatorState): void {
  const id = expect(state, { for: "sweep-channels" });
  state.outbox.push({ kind: "listChannels", id });
}

/** The records are listed after the logs: who has a log has had a record before. */
export function applyChannelsListed(
  state: CoordinatorState,
  result: Extract<Outcome, { kind: "ChannelsListed" }>["result"],
): void {
  if (!result.ok) return;
  const channels = result.channels.filter((channel) => channelPattern.test(channel));
  const id = expect(state, { for: "sweep-names", channels });
  state.outbox.push({ kind: "listMetadata", id, prefix: "collections." });
}

/**
 * Ids are never used twice. A store without any record may be one that was lost, and one that
 * cannot be read names an id that nobody knows: nothing is deleted then.
 */
export function applyNamesListed(
  state: CoordinatorState,
  channels: readonly string[],
  result: Extract<Outcome, { kind: "MetadataListed" }>["result"],
): void {
  if (!result.ok || result.entries.length === 0) return;
  const named = new Set<string>();
  for (const { value } of result.entries) {
    const parsed = parseRecord(collectionRecord, value);
    if (!parsed.ok) return;
    named.add(parsed.record.collectionId);
  }
  const { orphans } = state.sweep;
  const unnamed = channels.filter((channel) => !named.has(collectionOf(channel)));
  orphans.todo = unnamed.filter((channel) => orphans.unnamedBefore.has(channel));
  orphans.unnamedBefore = new Set(unnamed);
  if (orphans.todo.length === 0) return;
  const text = `${orphans.todo.length} logs belong to no collection and are deleted`;
  state.outbox.push({ kind: "report", level: "info", text });
}

function collectionOf(channel: string): string {
  return channel.slice(0, channel.lastIndexOf("-"));
}
