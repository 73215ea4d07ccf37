// Puts on record what an operator wants of a host: that it gives away what it runs, or works again.

import { HostChanged } from "../../messages/control.js";
import {
  encodeRecord,
  type HostRecord,
  hostKey,
  hostRecord,
  parseRecord,
} from "../../messages/records.js";
import { type Failure, HostReply } from "../../messages/reply.js";
import type { MetadataEntry, Now, Outcome } from "../../system/actor.js";
import { lookAtHosts } from "./listing.js";
import { type CoordinatorState, type DrainCommand, expect } from "./state.js";

export function decideDrain(state: CoordinatorState, command: DrainCommand, now: Now): void {
  const { message, entry } = command;
  if (now.wallMs > message.deadlineMs) return finish(state, command);
  if (command.busy || now.monotonicMs < command.retryAtMs) return;
  const key = hostKey(message.host);
  if (entry === undefined) {
    command.busy = true;
    const id = expect(state, { for: "drain", command });
    state.outbox.push({ kind: "readMetadata", id, key });
    return;
  }
  if (isDone(command, entry)) return reply(state, command, null);
  const session = state.hosts.seen.get(message.host)?.session;
  if (session === undefined && message.draining) return reply(state, command, unknown(state));
  command.busy = true;
  const record = message.draining ? recordOf(command, session?.startedAtMs ?? 0) : null;
  const value = record === null ? null : encodeRecord(record);
  const id = expect(state, { for: "drain", command });
  state.outbox.push({ kind: "writeMetadata", id, key, value, revision: entry?.revision ?? null });
}

/** A repeated command finds its own record; to work again means that there is none. */
function isDone({ message }: DrainCommand, entry: MetadataEntry | null): boolean {
  if (!message.draining || entry === null) return !message.draining && entry === null;
  const parsed = parseRecord(hostRecord, entry.value);
  return parsed.ok && parsed.record.request === message.requestId;
}

function recordOf({ message }: DrainCommand, startedAtMs: number): HostRecord {
  const { host, stops, requestId: request } = message;
  return { version: 1, host, draining: true, endsRun: stops ? startedAtMs : null, request };
}

function unknown({ hosts }: CoordinatorState): Failure {
  const hint = `there is ${[...hosts.seen.keys()].sort().join(", ")}`;
  return { code: "host-not-found", message: "no host has this name", hint, retryable: false };
}

export function applyDrainRead(
  command: DrainCommand,
  result: Extract<Outcome, { kind: "MetadataRead" }>["result"],
  retryAtMs: number,
): void {
  command.busy = false;
  if (result.ok) command.entry = result.entry;
  else command.retryAtMs = retryAtMs;
}

/** Unless it was written, the record is read again: perhaps it was written all the same. */
export function applyDrainWritten(
  state: CoordinatorState,
  command: DrainCommand,
  result: Extract<Outcome, { kind: "MetadataWritten" }>["result"],
  retryAtMs: number,
): void {
  command.busy = false;
  if (result.ok) return reply(state, command, null);
  command.entry = undefined;
  if (result.reason === "unavailable") command.retryAtMs = retryAtMs;
}

function reply(state: CoordinatorState, command: DrainCommand, failure: Failure | null): void {
  const { proxy, request, host } = command.message;
  lookAtHosts(state);
  state.outbox.push(
    { kind: "publish", message: HostChanged.create({ host }), messageId: null },
    {
      kind: "publish",
      message: HostReply.create({ proxy, request, failure }),
      messageId: null,
    },
  );
  finish(state, command);
}

function finish(state: CoordinatorState, { delivery }: DrainCommand): void {
  state.outbox.push({ kind: "acknowledge", delivery });
  state.drains.delete(delivery);
}
