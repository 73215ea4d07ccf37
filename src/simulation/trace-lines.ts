// One line for a message or an outcome: what people read, and what the hash of a run is made of.
import type { AnyMessage } from "../messages/catalogue.js";
import type { Outcome } from "../system/actor.js";
import { subjectOf } from "./wire.js";

/** As in `wal.c0 RowsInserted rows=2`. */
export function lineOfMessage(message: AnyMessage): string {
  const details = detailsOf(message);
  return `${subjectOf(message)} ${message.kind}${details === "" ? "" : ` ${details}`}`;
}

function detailsOf(message: AnyMessage): string {
  switch (message.kind) {
    case "RowsInserted":
    case "RowsUpserted":
      return `rows=${message.count}`;
    case "RowsDeleted":
      return `keys=${message.keys.length} evaluatedAt=${message.evaluatedAt}`;
    case "SegmentSealed":
      return `through=${message.through}`;
    case "ManifestCommitted":
      return `epoch=${message.epoch} number=${message.number}`;
    case "IndexBuilt":
    case "BuildIndex":
      return `segment=${message.segmentId} field=${message.field}`;
    case "SearchChannelReply":
      return `at=${message.sequence} hits=${message.counts} ${failureOf(message)}`.trimEnd();
    case "QueryChannelReply":
      return `at=${message.sequence} rows=${message.count} ${failureOf(message)}`.trimEnd();
    default:
      return "";
  }
}

function failureOf({ failure }: { failure: { code: string } | null }): string {
  return failure === null ? "" : `failure=${failure.code}`;
}

export function lineOfOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case "LogEntryRead": {
      const { channel, sequence, kind } = outcome.entry;
      return `wal.${channel} ${kind} #${sequence}`;
    }
    case "Delivered":
      return `${lineOfMessage(outcome.message)} delivery=${outcome.deliveries}`;
    case "Announced":
      return lineOfMessage(outcome.message);
    case "ClientRequested":
      return `client ${outcome.request.subject.join(".")}`;
    case "Started":
      return `Started ${outcome.incarnation}`;
    case "Appended":
      return `Appended #${outcome.sequence}${outcome.duplicate ? " duplicate" : ""}`;
    case "AppendFailed":
    case "FollowFailed":
      return `${outcome.kind} ${outcome.reason}`;
    case "CacheRead":
      return `CacheRead ${outcome.bytes === null ? "nothing" : "an answer"}`;
    case "TimerFired":
      return `TimerFired ${outcome.id}`;
    default:
      return `${outcome.kind} ${"result" in outcome ? resultOf(outcome.result) : ""}`.trimEnd();
  }
}

function resultOf(result: { ok: boolean; reason?: string; value?: { kind: string } }): string {
  if (result.ok) return result.value?.kind ?? "ok";
  return result.reason ?? "failed";
}
