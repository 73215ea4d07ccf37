// How far each channel's log is known to reach: what a session may name without being waited for.
import type { SessionToken } from "../../contract/session-token.js";
import type { ProxyState } from "./state.js";

const channelsMax = 10_000;

/** A reply or the log itself has named this position. */
export function noteReached(state: ProxyState, channel: string, sequence: number): void {
  const known = state.reached.get(channel);
  if (known !== undefined && known >= sequence) return;
  // The last one heard of is the last one to go.
  state.reached.delete(channel);
  state.reached.set(channel, sequence);
  const [oldest] = state.reached.keys();
  if (state.reached.size > channelsMax && oldest !== undefined) state.reached.delete(oldest);
}

/** Whether the logs reach as far as the session says: a forged one may name any position. */
export function isReached(state: ProxyState, { positions }: SessionToken): boolean {
  return [...positions].every(
    ([channel, sequence]) => sequence <= (state.reached.get(channel) ?? -1),
  );
}
