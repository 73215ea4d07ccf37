// Bugs planted in the coordinator: whom it takes for ready.
import {
  decodeRecord,
  encodeRecord,
  type SessionRecord,
  sessionRecord,
} from "../../messages/records.js";
import type { MetadataEntry } from "../../system/actor.js";
import type { Mutant } from "../mutant.js";

/** RELIABILITY 6: a channel that nobody serves although it has replicas enough. */
export const releaseBeforeReady: Mutant = {
  name: "release-before-ready",
  about: "the old replica is let go when the new one was named, not when it is whole",
  provoke: (scenario) => ({
    ...scenario,
    replicas: 1,
    altersReplicas: false,
    dropsCollections: false,
    workMs: Math.max(scenario.workMs, 20_000),
    rates: { ...scenario.rates, pause: 0, crash: 0, drain: 2_500 },
    odds: { ...scenario.odds, crashBetweenEffects: 0 },
  }),
  outcome(outcome, { actor, state }) {
    if (actor !== "coordinator" || outcome.kind !== "MetadataListed") return outcome;
    if (!outcome.result.ok) return outcome;
    const channels: readonly string[] = [...state.assignments.keys()];
    const entries = outcome.result.entries.map((entry) => asServing(entry, channels));
    return { ...outcome, result: { ok: true, entries } };
  },
};

function asServing(entry: MetadataEntry, channels: readonly string[]): MetadataEntry {
  if (!entry.key.startsWith("sessions.")) return entry;
  const session: SessionRecord = decodeRecord(sessionRecord, entry.value);
  const said = { actor: "query-worker", phase: "serving", cause: null, figures: {} };
  const actors = channels.map((channel) => ({ ...said, channel }));
  return { ...entry, value: encodeRecord({ ...session, actors }) };
}
