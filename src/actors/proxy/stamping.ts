// Stamps writes with the oracle's last answer plus the time since by the proxy's own clock.
import { fromMs } from "../../log/timestamp.js";
import { AllocateTimestamp } from "../../messages/command.js";
import type { Now } from "../../system/actor.js";
import type { ProxyState } from "./state.js";

/** An answer this old is refreshed; the stamp of a write may be older, never younger, than now. */
const refreshMs = 1_000;
const askAgainMs = 5_000;

/** 0n before the oracle's first answer: the fold then takes the broker's time. */
export function stampNow(state: ProxyState, now: Now): bigint {
  askOracle(state, now);
  if (state.oracle === null) return 0n;
  return state.oracle.timestamp + fromMs(now.monotonicMs - state.oracle.readAtMs);
}

function askOracle(state: ProxyState, now: Now): void {
  const isFresh = state.oracle !== null && now.monotonicMs - state.oracle.readAtMs < refreshMs;
  if (isFresh || now.monotonicMs - state.oracleAskedAtMs < askAgainMs) return;
  state.oracleAskedAtMs = now.monotonicMs;
  const deadlineMs = now.wallMs + askAgainMs;
  const request = `oracle-${state.nextId++}`;
  const message = AllocateTimestamp.create({ proxy: state.incarnation, request, deadlineMs });
  state.outbox.push({ kind: "publish", message, messageId: null });
}

/** The answer was made before it came: counted from its arrival, a stamp is late, never early. */
export function applyTimestamp(state: ProxyState, timestamp: bigint, now: Now): void {
  if (state.oracle !== null && timestamp <= state.oracle.timestamp) return;
  state.oracle = { timestamp, readAtMs: now.monotonicMs };
  state.oracleAskedAtMs = Number.NEGATIVE_INFINITY;
}
