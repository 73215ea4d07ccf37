// Bugs planted in the query worker: how it follows, joins barriers and takes segments over.

import type { QueryWorkerState } from "../../actors/query-worker/state.js";
import { toMs } from "../../log/timestamp.js";
import type { Mutant } from "../mutant.js";
import { noRates, type Scenario } from "../scenario.js";

/** RELIABILITY 10.5: what was acknowledged after the barrier was sent is missing. */
export const joinBarrierInFlight: Mutant = {
  name: "join-barrier-in-flight",
  about: "a read joins the barrier that was sent before it arrived",
  provoke: (scenario) => ({
    ...scenario,
    clients: 4,
    pauseBetweenMs: 20,
    odds: { ...scenario.odds, slow: 0.2 },
  }),
  afterApply(outcome, { actor, state }) {
    if (actor !== "query-worker" || outcome.kind !== "Delivered") return;
    const worker = state as QueryWorkerState;
    const read = worker.reads.get(outcome.delivery);
    const sent = worker.barrier.inFlight?.sent;
    if (read !== undefined && sent !== undefined) Object.assign(read, { arrived: sent });
  },
};

/** RELIABILITY 10.12: a channel whose time runs ahead makes a lagging worker look young. */
export const boundedByWatermark: Mutant = {
  name: "bounded-by-watermark",
  about: "the age of rows is taken from their commit timestamps",
  provoke: (scenario) => ({
    ...scenario,
    clients: 4,
    rates: { ...scenario.rates, clockJump: 1_500 },
    odds: { ...scenario.odds, followerLags: 0.05 },
  }),
  beforeApply(_outcome, { actor, state, now }) {
    if (actor !== "query-worker") return;
    const worker = state as QueryWorkerState;
    const ageMs = now.wallMs - toMs(worker.fold?.commit ?? 0n);
    for (const read of worker.reads.values()) {
      const { maxAgeMs } = read.message.view;
      if (maxAgeMs === null || maxAgeMs === 0 || ageMs > maxAgeMs) continue;
      Object.assign(read, { arrived: worker.barrier.passed });
    }
  },
};

/** RELIABILITY 10.4: a reader that was overtaken by a purge goes on behind the hole. */
export const noHoleCheck: Mutant = {
  name: "no-hole-check",
  about: "entries that were purged before they were read are passed over in silence",
  provoke: (scenario) => ({
    ...scenario,
    workMs: 45_000,
    clients: 4,
    shards: 1,
    replicas: 2,
    sealAgeMs: 800,
    asOfWindowMs: 0,
    dropsCollections: false,
    unflushedBytesMax: 2 ** 30,
    longLags: 0.9,
    // Each tick is an entry more that may be missed.
    isClustered: true,
    rates: noRates,
    odds: { ...scenario.odds, followerLags: 0.1 },
  }),
  host: { skipsHoles: true },
  beforeApply(outcome, { state }) {
    if (outcome.kind !== "LogEntryRead" || !("fold" in state) || state.fold === null) return;
    const sequence = outcome.entry.sequence - 1;
    state.fold.position = { ...state.fold.position, sequence };
  },
};

/** RELIABILITY 10.6: the tail of the log was replaced, and the sequences look perfect. */
export const compareSequenceOnly: Mutant = {
  name: "compare-sequence-only",
  about: "a reader does not compare the entry at its position with what it applied",
  provoke: (scenario) => ({
    ...scenario,
    workMs: 30_000,
    losesTails: true,
    rates: { ...scenario.rates, brokerRestart: 5_000 },
  }),
  host: { comparesSequenceOnly: true },
};

/** RELIABILITY 10.8: the dead of the inputs are alive again in the output. */
export const deadRowsNotCopied: Mutant = {
  name: "dead-rows-not-copied",
  about: "a segment that takes the place of others forgets which of their rows died",
  afterApply(outcome, { actor, state }) {
    if (actor !== "query-worker" || outcome.kind !== "Computed") return;
    const worker = state as QueryWorkerState & { simulatedSeen?: number };
    for (const range of worker.table.ranges) {
      const isSwapped = range.segmentId?.startsWith("c") === true && worker.phase === "serving";
      if (!isSwapped || range.number <= (worker.simulatedSeen ?? 0)) continue;
      worker.simulatedSeen = range.number;
      range.lives.died.fill(Number.POSITIVE_INFINITY);
    }
  },
};

/** RELIABILITY 5.1: deletes that arrive between load and replay never reach the rows. */
export const tombstonesNotLoaded: Mutant = {
  name: "tombstones-not-loaded",
  about: "a worker that starts from a manifest does not apply its tombstones",
  beforeApply(_outcome, { actor, state }) {
    if (actor === "query-worker") state.loading?.tombstones.splice(0);
  },
};

/** RELIABILITY 10.12: a stamp that is an hour off moves the time of all that follows. */
export const stampNotClamped: Mutant = {
  name: "stamp-not-clamped",
  about: "commit timestamps follow the writers' clocks, whatever the broker's says",
  provoke: (scenario) => ({
    ...scenario,
    asOfWindowMs: 8_000,
    rates: { ...scenario.rates, clockJump: 3_000 },
  }),
  outcome(outcome, { actor }) {
    if (outcome.kind !== "LogEntryRead" || actor !== "query-worker") return outcome;
    const { entry } = outcome;
    if (entry.stamp === 0n) return outcome;
    const appendedAtUs = toMs(entry.stamp) * 1_000;
    return { ...outcome, entry: { ...entry, appendedAtUs } };
  },
};

/** What the shared cache has is an answer of another time. */
export const cacheKeyWithoutPosition: Mutant = {
  name: "cache-key-without-position",
  about: "the key of a kept answer does not say up to which entry its rows are those of the log",
  provoke: oftenCached,
  afterApply(_outcome, { actor, state }) {
    if (actor === "query-worker") state.changedAt = { sequence: 0, appendedAtUs: 0 };
  },
};

/** RELIABILITY 5: a cache that anybody may write to is believed. */
export const cacheValueUnverified: Mutant = {
  name: "cache-value-unverified",
  about: "what lies under the key of an answer is taken for it, whoever put it there",
  provoke: oftenCached,
  host: { trustsCache: true },
};

function oftenCached(scenario: Scenario): Scenario {
  const odds = { ...scenario.odds, cacheForgets: 0, cachePoisoned: 0.2 };
  return { ...scenario, caches: true, clients: 4, pauseBetweenMs: 20, odds };
}

/** What was found before the barrier is told although the log has brought something new since. */
export const aheadForGranted: Mutant = {
  name: "ahead-for-granted",
  about: "a search that was begun ahead of its barrier is believed whatever has changed",
  provoke: (scenario) => ({
    ...scenario,
    clients: 3,
    pauseBetweenMs: 20,
    caches: false,
    gathersFrom: 0,
    odds: { ...scenario.odds, slow: 0.2 },
  }),
  afterApply(_outcome, { actor, state }) {
    if (actor !== "query-worker") return;
    const worker = state as QueryWorkerState;
    for (const { ahead } of worker.reads.values()) {
      if (ahead !== null) Object.assign(ahead, { changedAt: worker.changedAt.sequence });
    }
  },
};

/** How far the log reaches is asked for, and not waited for. */
export const headNotAwaited: Mutant = {
  name: "head-not-awaited",
  about: "a strong read is answered at once whatever is still to be read up to the log's end",
  provoke: (scenario) => ({
    ...scenario,
    clients: 4,
    pauseBetweenMs: 20,
    isClustered: false,
    odds: { ...scenario.odds, slow: 0.2, followerLags: 0.05 },
  }),
  outcome: (outcome, { actor, state }) => {
    if (actor !== "query-worker" || outcome.kind !== "HeadRead" || !outcome.result.ok) {
      return outcome;
    }
    const sequence = (state as QueryWorkerState).fold?.position.sequence ?? 0;
    return { ...outcome, result: { ok: true, sequence } };
  },
};
