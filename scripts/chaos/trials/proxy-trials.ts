// Trials for the bugs that are planted in proxies: repeated requests, frozen proxies, full logs.
import { setTimeout as delay } from "node:timers/promises";
import { rowOf, rowsOfInsertMax } from "../rows.js";
import { owner, type Stage } from "./stage.js";
import type { Trial } from "./trial.js";

const duplicateWindowMs = 1_000;
const attemptMs = 500;
const attemptsMax = 60;
const retryMs = 20;
const thawedMs = 1_500;
/** More than a follower asks the log for at a time. */
const entriesBehind = 800;
const frozenReadMs = 50;

export const proxyTrials: Readonly<Record<string, Trial>> = {
  "acknowledge-early": {
    environment: { ELANUS_LOG_BYTES_MAX: String(1024 * 1024) },
    rounds: 1,
    round: fillLog,
  },
  "strong-as-eventual": { rounds: 10, round: readBehindBacklog },
  "message-id-without-body": { rounds: 3, round: sendInParts },
  "message-id-per-attempt": { rounds: 3, round: (stage) => repeatLate(stage, async () => null) },
  "ids-by-proxy": { rounds: 3, round: repeatAutomatic },
  "append-after-reconnect": {
    hosts: [
      { name: "front-1", roles: ["proxy", "coordinator", "oracle"] },
      { name: "front-2", roles: ["proxy", "coordinator", "oracle"] },
      { name: "back", roles: ["query", "data", "index"] },
    ],
    environment: { ELANUS_DUPLICATE_WINDOW_MS: String(duplicateWindowMs) },
    rounds: 2,
    round: freezeProxy,
  },
  "delete-without-bound": { rounds: 40, round: upsertWhileDeleting },
};

/** The log takes no more: who is told that a write is in it must find it there. */
async function fillLog(stage: Stage): Promise<void> {
  for (let batch = 0; batch < 16; batch += 1) await stage.upsert(stage.newKeys(1_500));
  await stage.audit();
}

/**
 * A worker that was frozen for a moment finds more entries than it asks the log for at a time, and
 * then a read that is younger than all of them.
 */
async function readBehindBacklog(stage: Stage): Promise<void> {
  const query = stage.cluster.host("query");
  query.freeze();
  try {
    await Promise.all(stage.newKeys(entriesBehind).map((key) => stage.upsert([key])));
    const reading = stage.audit();
    await delay(frozenReadMs);
    query.thaw();
    await reading;
  } finally {
    query.thaw();
  }
}

/** A client that splits a large write sends its parts under one request. */
async function sendInParts(stage: Stage): Promise<void> {
  const keys = stage.newKeys(2);
  await stage.upsert(keys, async (rows, requestId) => {
    for (const [part, row] of rows.entries()) {
      await untilTaken(() => stage.attemptUpsert([row], { requestId, part }));
    }
  });
  await stage.audit();
}

/** The retry of a write that had succeeded comes after the next write to its key. */
export async function repeatLate(stage: Stage, meanwhile: () => Promise<unknown>): Promise<void> {
  const keys = stage.newKeys(3);
  let repeat = async () => true;
  await stage.upsert(keys, async (rows, requestId) => {
    repeat = () => stage.attemptUpsert(rows, { requestId }, attemptMs);
    await untilTaken(repeat);
  });
  await stage.upsert(keys);
  await meanwhile();
  await untilTaken(repeat);
  await stage.audit();
}

/** Whoever repeats an insert must be told the ids that its rows have. */
async function repeatAutomatic(stage: Stage): Promise<void> {
  const number = stage.state.nextWrite();
  const keys = [0, 1].map((row) => number * rowsOfInsertMax + row);
  const rows = keys.map((key) => rowOf(key, owner, number, false));
  const { auto } = stage.state;
  const ids = await stage.state.write(
    auto,
    { number, owner, kind: "insert", keys },
    async (requestId) => {
      await stage.auto.insert(rows, requestId);
      return stage.auto.insert(rows, requestId);
    },
  );
  for (const [at, key] of keys.entries()) auto.noteId(key, ids?.[at] ?? "missing");
  await stage.audit("auto");
}

/**
 * Requests lie in the socket of a frozen proxy; its connection ends, and their retries and the next
 * writes go through another. The log has forgotten them by the time it thaws.
 */
async function freezeProxy(stage: Stage): Promise<void> {
  const frozen = stage.cluster.host("front-1");
  const keys = stage.newKeys(12);
  frozen.freeze();
  try {
    await Promise.all(
      keys.map((key) =>
        stage.upsert([key], (rows, requestId) =>
          untilTaken(() => stage.attemptUpsert(rows, { requestId }, attemptMs)),
        ),
      ),
    );
    await Promise.all(stage.cluster.nats.map((server) => server.restart()));
    await stage.upsert(keys);
    await delay(2 * duplicateWindowMs);
  } finally {
    frozen.thaw();
  }
  await delay(thawedMs);
  await stage.audit();
}

/** No row of the second write passes the filter, so in either order it stays. */
async function upsertWhileDeleting(stage: Stage): Promise<void> {
  const { state } = stage;
  const keys = stage.newKeys(200);
  const number = await stage.upsert(keys);
  const given = { number: state.nextWrite(), owner, kind: "delete-filter", keys } as const;
  const deleting = state.write(state.keyed, given, (requestId) =>
    stage.keyed.deleteFilter(`write == ${number}`, requestId),
  );
  const some = keys.filter((key) => key % 10 === 0);
  const upserts = some.map(async (key, at) => {
    await delay(at);
    await stage.upsert([key]);
  });
  await Promise.all([deleting, ...upserts]);
  await stage.audit();
}

async function untilTaken(attempt: () => Promise<boolean>): Promise<void> {
  for (let count = 0; count < attemptsMax; count += 1) {
    if (await attempt()) return;
    await delay(retryMs);
  }
  throw new Error(`a write was not taken in ${attemptsMax} attempts`);
}
