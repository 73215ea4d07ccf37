// Bugs planted in the proxy: what it appends, under which id, and what it tells its clients.
import { createHash } from "node:crypto";
import type { Mutant } from "../mutant.js";

/** RELIABILITY 10.1: a frozen proxy thaws and appends for a request that was repeated since. */
export const appendAfterReconnect: Mutant = {
  name: "append-after-reconnect",
  about: "a write outlives the connection on which its request came",
  provoke: (scenario) => ({
    ...scenario,
    clients: 4,
    workMs: 30_000,
    pauseBetweenMs: 100,
    rates: { ...scenario.rates, pause: 2_000 },
  }),
  effect: (effect) => (effect.kind === "append" ? { ...effect, connection: null } : effect),
};

/** RELIABILITY 10.2: what differs in its body counts as the same write, and is swallowed. */
export const messageIdWithoutBody: Mutant = {
  name: "message-id-without-body",
  about: "the message id is a hash of request and channel alone",
  effect: (effect, { actor }) => {
    if (effect.kind !== "append" || actor !== "proxy" || !("channel" in effect.message)) {
      return effect;
    }
    const identity = `${effect.request} ${effect.message.channel}`;
    return { ...effect, messageId: createHash("sha256").update(identity).digest("hex") };
  },
};

/** RELIABILITY 10.2 the other way round: each attempt gets an id of its own. */
export const messageIdPerAttempt: Mutant = {
  name: "message-id-per-attempt",
  about: "a repeated request is appended again",
  effect: (effect, { actor, now }) =>
    effect.kind === "append" && actor === "proxy"
      ? { ...effect, messageId: `${effect.messageId}-${effect.id}-${now.monotonicMs}` }
      : effect,
};

/** RELIABILITY 10.3: the proxy counts ids itself, so a repeated insert gets others. */
export const idsByProxy: Mutant = {
  name: "ids-by-proxy",
  about: "automatic ids of a repeated insert are made anew",
  outcome: (outcome, { actor }) =>
    outcome.kind === "Appended" && actor === "proxy" && outcome.duplicate
      ? { ...outcome, sequence: outcome.sequence + 1 }
      : outcome,
};

/** RELIABILITY 10.9: a row that was replaced since its filter was evaluated is deleted as well. */
export const deleteWithoutBound: Mutant = {
  name: "delete-without-bound",
  about: "a delete by filter hides what was written after the filter was evaluated",
  // So few keys that rows are replaced while filters that they pass are evaluated.
  provoke: (scenario) => ({
    ...scenario,
    autoId: false,
    keys: 3,
    pauseBetweenMs: scenario.pauseBetweenMs / 2,
  }),
  effect: (effect) =>
    effect.kind === "append" && effect.message.kind === "RowsDeleted"
      ? { ...effect, message: { ...effect.message, evaluatedAt: null } }
      : effect,
};

/** RELIABILITY 10.1 for commands: a drop by name, given up by its client, comes after a create. */
export const commandAfterReconnect: Mutant = {
  name: "command-after-reconnect",
  about: "a command outlives the connection on which its request came",
  provoke: (scenario) => ({
    ...scenario,
    workMs: 40_000,
    dropsCollections: true,
    dropPauseMs: 1_500,
    replicas: 1,
    rates: { ...scenario.rates, pause: 800, crash: 0, drain: 0, join: 0, metadataAway: 0 },
  }),
  beforeApply(outcome, { actor, state }) {
    if (actor !== "proxy") return;
    if (outcome.kind === "Reconnected") Object.assign(outcome, { connection: 0 });
    state.connection = 0;
  },
  effect: (effect) => {
    if (effect.kind !== "publish") return effect;
    const { connection: _connection, ...anyConnection } = effect;
    return anyConnection;
  },
};

/** The answer goes out before the log has acknowledged. */
export const acknowledgeEarly: Mutant = {
  name: "acknowledge-early",
  about: "a write is acknowledged when it is sent, not when it is in the log",
  early: (effect, { actor, state }) => {
    if (effect.kind !== "append" || actor !== "proxy") return null;
    state.simulatedSequence = (state.simulatedSequence ?? 0) + 1;
    const sequence: number = state.simulatedSequence;
    return { kind: "Appended", id: effect.id, sequence, duplicate: false };
  },
};

/** A strong read is answered by whatever the replica has. */
export const strongAsEventual: Mutant = {
  name: "strong-as-eventual",
  about: "reads do not say which age they bear",
  effect: (effect) => {
    if (effect.kind !== "publish" || !("view" in effect.message)) return effect;
    const view = { ...effect.message.view, maxAgeMs: null };
    return { ...effect, message: { ...effect.message, view } };
  },
};

/** What was asked together is told apart wrongly. */
export const lotsMixedUp: Mutant = {
  name: "lots-mixed-up",
  about: "of searches that were sent together, each gets the answer of its neighbour",
  provoke: (scenario) => ({ ...scenario, gathersFrom: 1 }),
  effect: (effect, { actor }) => {
    if (effect.kind !== "publish" || actor !== "proxy" || effect.message.kind !== "SearchChannel") {
      return effect;
    }
    const { vectors, count } = effect.message;
    const first = vectors.length / count;
    const turned = Buffer.concat([vectors.subarray(first), vectors.subarray(0, first)]);
    return { ...effect, message: { ...effect.message, vectors: turned } };
  },
};
