// What an earlier time has left in the metadata store, for the coordinator to clear away.
import {
  type DroppedRecord,
  droppedKey,
  encodeRecord,
  type SessionRecord,
  sessionKey,
} from "../../messages/records.js";
import type { World } from "../world.js";

const dayMs = 86_400_000;

export function leaveRelics({ metadata, wallMs }: World): void {
  const longAgoMs = wallMs - dayMs;
  const session: SessionRecord = {
    ...{ version: 1, host: "gone", pid: 1, hostname: "simulated", roles: ["query"] },
    ...{ startedAtMs: longAgoMs, renewedAtMs: longAgoMs, actors: [] },
  };
  metadata.write(sessionKey(session.host), encodeRecord(session), null);
  const collectionId = "longAgo";
  const mark: DroppedRecord = { version: 1, collectionId, request: "r", droppedAtMs: longAgoMs };
  metadata.write(droppedKey(collectionId), encodeRecord(mark), null);
}
