// Says how far the channel's log was folded and how much the channel holds: proxies pace by it.
import { ChannelMeasured } from "../../messages/control.js";
import type { Now } from "../../system/actor.js";
import { unflushedBytes } from "./holding.js";
import type { DataWorkerState } from "./state.js";

/** What changed by less than these is told now and then, so that proxies know of a live worker. */
const worthTelling = { entries: 1_024, bytes: 4 * 1024 * 1024 };
const tellEveryMs = 2_000;

/** A channel on which nothing happens is not announced again. */
export function announceMeasure(state: DataWorkerState, now: Now): void {
  const { fold, told } = state;
  if (fold === null || isMeasureTold(state)) return;
  const { sequence: position } = fold.position;
  const bytes = channelBytes(state);
  const held = state.isHeld;
  const moved = position - told.position;
  const grown = Math.abs(bytes - told.bytes);
  const isMuch = moved >= worthTelling.entries || grown >= worthTelling.bytes || held !== told.held;
  if (!isMuch && now.monotonicMs - told.atMs < tellEveryMs) return;
  state.told = { position, bytes, held, atMs: now.monotonicMs };
  const { channel } = state.settings;
  const message = ChannelMeasured.create({ channel, position, bytes, held });
  state.outbox.push({ kind: "publish", message, messageId: null });
}

export function isMeasureTold(state: DataWorkerState): boolean {
  const { fold, told, isHeld } = state;
  if (fold === null) return true;
  if (fold.position.sequence !== told.position || isHeld !== told.held) return false;
  return channelBytes(state) === told.bytes;
}

/** Rows and indexes as they are stored, and rows that are not yet: about what a reader holds. */
export function channelBytes(state: DataWorkerState): number {
  let bytes = unflushedBytes(state);
  for (const { object, indexes } of state.manifest?.segments ?? []) {
    bytes += object.bytes;
    for (const index of indexes) bytes += index.object.bytes;
  }
  return bytes;
}
