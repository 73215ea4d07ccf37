// The last look at a world at peace: every replica, and a cold start, must show the model's rows.
import { collectionRecord, decodeRecord } from "../messages/records.js";
import { recordOfChannel } from "./auditor.js";
import { database, read } from "./client.js";
import type { Answer, Gateway } from "./gateway.js";
import type { Stepper } from "./run-seed.js";
import { timings } from "./scenario.js";
import { collection } from "./workload.js";
import type { World } from "./world.js";

interface Parts {
  readonly world: World;
  readonly gateway: Gateway;
  readonly run: Stepper;
}

/** How long a world without faults may take until it answers again. */
const recoveryMs = 60_000;

export async function finalAudit(parts: Parts): Promise<void> {
  await untilSwept(parts);
  if (!hasCollection(parts.world)) return;
  await untilAnswered(parts, "after the faults");
  await checkEach(parts);
  for (const host of parts.world.hosts) host.crash();
  await untilAnswered(parts, "after a cold start");
}

/** Three looks, a grace apart, and a leader before them. */
const sweptMs = 4 * timings.objectGraceMs;

/** A log that no collection has goes, as long as the metadata store is not empty. */
async function untilSwept({ world, run }: Parts): Promise<void> {
  const orphans = () =>
    [...world.broker.logs.keys()].filter(
      (channel) => recordOfChannel(world.metadata, channel) === undefined,
    );
  const untilMs = world.nowMs + sweptMs;
  const hasRecords = () =>
    [...world.metadata.stored.keys()].some((key) => key.startsWith("collections."));
  const isDue = () => hasRecords() && orphans().length > 0;
  while (isDue() && world.nowMs < untilMs && world.auditor.violations.length === 0) {
    await run.for(500);
  }
  if (world.auditor.violations.length > 0 || !isDue()) return;
  world.auditor.fail(`nobody has removed the logs of no collection: ${orphans().join(", ")}`);
}

function hasCollection({ metadata }: World): boolean {
  const stored = metadata.stored.get(`collections.${database}.${collection}`);
  if (stored === undefined) return false;
  return decodeRecord(collectionRecord, stored.value).state === "ready";
}

/** Asks until there is an answer: it is compared with the model as every other one is. */
async function untilAnswered(parts: Parts, when: string): Promise<void> {
  const { world, run } = parts;
  const untilMs = world.nowMs + recoveryMs;
  while (world.nowMs < untilMs && world.auditor.violations.length === 0) {
    const answer = await fullScan(parts);
    if (answer?.ok || answer?.error?.code === "collection-not-found") return;
    await run.for(500);
  }
  const hasLost = world.auditor.lostAtMs.size > 0;
  if (world.auditor.violations.length > 0 || hasLost) return;
  world.auditor.fail(`no answer within ${recoveryMs} ms ${when}: ${causes(world)}`);
}

async function fullScan(parts: Parts): Promise<Answer | null> {
  let result: { answer: Answer | null } | null = null;
  const asked = { kind: "query", test: null, filter: null, ids: null, limit: 1_000 } as const;
  const sent = { maxAgeMs: 0, session: null, asOfToken: null, asOfMs: null };
  read(parts, collection, asked, { body: {}, sent }, (answer) => {
    result = { answer };
  });
  for (let turn = 0; turn < 100 && result === null; turn += 1) await parts.run.for(100);
  return (result as { answer: Answer | null } | null)?.answer ?? null;
}

/** With several replicas any of them may answer: more questions than there are replicas. */
async function checkEach(parts: Parts): Promise<void> {
  const { scenario } = parts.world;
  for (let turn = 0; turn < 2 * scenario.replicas; turn += 1) await fullScan(parts);
}

function causes({ hosts }: World): string {
  const texts = hosts.flatMap((host) =>
    [...host.actors.values()].map((actor) => {
      const { phase, cause } = actor.definition.status(actor.state, host.now);
      return `${host.name}/${actor.name} ${phase}${cause === null ? "" : ` (${cause})`}`;
    }),
  );
  return texts.join("; ");
}
