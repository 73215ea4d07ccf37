// Slows writers down: to what a data worker can fold, and to what a channel may hold.
import type { ChannelMeasured } from "../../messages/control.js";
import type { MessageOf } from "../../messages/define.js";
import type { Now } from "../../system/actor.js";
import { refuseWith } from "./responding.js";
import type { KnownCollection, ProxyState, Request } from "./state.js";

/** What a data worker last said of its channel, and what was written here since. */
export interface ChannelLoad {
  /** How far its fold had come. */
  position: number;
  /** What rows and indexes of the channel take. */
  bytes: number;
  isHeld: boolean;
  heardAtMs: number;
  /** Own entries behind the position, in log order. */
  written: { sequence: number; bytes: number }[];
  writtenBytes: number;
}

/** So far the log may be ahead of a data worker before writers wait for it. */
const lagMax = { entries: 8_192, bytes: 64 * 1024 * 1024 };
/** A write waits no longer than this; then its client is told to come again. */
const delayMsMax = 1_000;
/** A worker that was silent for longer is dead or has nothing to do: nobody waits for it. */
const silentMs = 6_000;
const channelsMax = 10_000;

type Room = "room" | "wait" | "overloaded" | "full";

export function applyMeasured(
  state: ProxyState,
  { channel, position, bytes, held }: MessageOf<typeof ChannelMeasured>,
  now: Now,
): void {
  const known = state.loads.get(channel);
  const load = known ?? { written: [], writtenBytes: 0 };
  const heard = { position, bytes, isHeld: held, heardAtMs: now.monotonicMs };
  const updated: ChannelLoad = Object.assign(load, heard);
  forgetThrough(updated, position);
  // The last one heard of is the last one to go.
  state.loads.delete(channel);
  state.loads.set(channel, updated);
  const [oldest] = state.loads.keys();
  if (state.loads.size > channelsMax && oldest !== undefined) state.loads.delete(oldest);
}

/** An entry of this proxy stands in the log. */
export function noteWritten(state: ProxyState, channel: string, sequence: number, bytes: number) {
  const load = state.loads.get(channel);
  if (load === undefined || sequence <= load.position) return;
  load.written.push({ sequence, bytes });
  load.writtenBytes += bytes;
  if (load.written.length > lagMax.entries) joinOldest(load.written);
}

/** A held worker may be behind by more entries than are listed: their bytes count all the same. */
function joinOldest(written: ChannelLoad["written"]): void {
  const first = written.shift();
  const [second] = written;
  if (first !== undefined && second !== undefined) second.bytes += first.bytes;
}

/** Those that waited; one whose deadline has passed is not begun: its client may have gone on. */
export function takePaced(state: ProxyState, now: Now): Request[] {
  const waiting = [...state.paced].flatMap((id) => state.requests.get(id) ?? []);
  state.paced.clear();
  return waiting.filter(({ deadlineMonotonicMs }) => now.monotonicMs < deadlineMonotonicMs);
}

function forgetThrough(load: ChannelLoad, position: number): void {
  const rest = load.written.filter(({ sequence }) => sequence > position);
  load.written = rest;
  load.writtenBytes = rest.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** A write waits for room in `paced`, or is refused; what changes no rows goes on. */
export function isLetIn(
  state: ProxyState,
  request: Request,
  { record }: KnownCollection,
  now: Now,
): boolean {
  const { operation } = request.call;
  const addsRows = operation === "insert" || operation === "upsert";
  if (!addsRows && operation !== "delete") return true;
  const room = roomFor(state, request, record.channels, addsRows, now);
  if (room === "wait") state.paced.add(request.id);
  else if (room !== "room") refuseForRoom(state, request, room);
  return room === "room";
}

/**
 * Whether these channels take a write now. The size of a channel is what its data worker folded
 * from the log: no query worker has to be there for it to be known. A held worker waits for the
 * object store: then the log is the buffer, and its own bound is the limit.
 */
function roomFor(
  state: ProxyState,
  request: Request,
  channels: readonly string[],
  addsRows: boolean,
  now: Now,
): Room {
  const loads = channels.flatMap((channel) => state.loads.get(channel) ?? []);
  if (addsRows && loads.some((load) => isFull(state, load))) return "full";
  if (!loads.some((load) => lags(load, now))) return "room";
  return now.monotonicMs - request.arrivedAtMs < delayMsMax ? "wait" : "overloaded";
}

function isFull({ settings }: ProxyState, { bytes, writtenBytes }: ChannelLoad): boolean {
  return bytes + writtenBytes >= settings.channelBytesMax;
}

function lags({ written, writtenBytes, position, isHeld, heardAtMs }: ChannelLoad, now: Now) {
  if (isHeld || now.monotonicMs - heardAtMs > silentMs) return false;
  const entries = (written.at(-1)?.sequence ?? position) - position;
  return entries >= lagMax.entries || writtenBytes >= lagMax.bytes;
}

function refuseForRoom(state: ProxyState, request: Request, room: Room): void {
  if (room === "full") {
    const { channelBytesMax } = state.settings;
    const text = `a shard of the collection holds ${channelBytesMax} bytes, all that it may`;
    const hint = "more shards hold more: copy into a collection with more shards, or delete rows";
    return refuseWith(state, request, "full", text, hint);
  }
  const hint = "retry, with a pause: nothing was written";
  const text = "rows come faster than the data worker of a shard takes them in";
  refuseWith(state, request, "overloaded", text, hint);
}
