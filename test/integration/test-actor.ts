// Runs a tiny actor over a real broker and real stores, as a host would.
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { openNatsMetadataStore } from "../../src/storage/metadata-store-nats.js";
import { openFileObjectStore } from "../../src/storage/object-store-file.js";
import { defineActor, type Effect, type Now, type Outcome } from "../../src/system/actor.js";
import { ActorRunner, type RunnerPorts } from "../../src/system/actor-runner.js";
import type { ClientReply } from "../../src/system/client-request.js";
import { type NatsHarness, openTestBus } from "./nats-harness.js";

export interface TestHost {
  readonly ports: RunnerPorts;
  readonly reports: string[];
  /** What the lease says. */
  isLeaseHeld: boolean;
  respond(request: string, reply: ClientReply): void;
}

export async function testHost(harness: NatsHarness, name: string): Promise<TestHost> {
  const link = await harness.connect(name);
  const bus = await openTestBus(link);
  const reports: string[] = [];
  const host: TestHost = {
    reports,
    isLeaseHeld: true,
    respond: () => undefined,
    ports: {
      bus,
      objects: await openFileObjectStore(join(harness.directory, "objects")),
      metadata: await openNatsMetadataStore(link.keyValueClient()),
      compute: {
        run: async (job) => {
          throw new Error(`no threads for '${job.kind}' here`);
        },
      },
      cache: null,
      lease: { isHeld: () => host.isLeaseHeld },
      clients: { respond: (request, reply) => host.respond(request, reply) },
      now: () => ({ monotonicMs: performance.now(), wallMs: Date.now() }),
      newId: () => randomUUID(),
      report: (level, actor, text) => void reports.push(`${level} ${actor}: ${text}`),
    },
  };
  return host;
}

interface ScriptState {
  readonly settings: ScriptSettings;
  readonly outbox: Effect[];
}

export interface ScriptSettings {
  /** Told of every outcome; returns what to do, and may throw. */
  react(outcome: Outcome, now: Now): readonly Effect[];
}

const scripted = defineActor<ScriptSettings, ScriptState>({
  name: "scripted",
  accepts: [],
  emits: [],
  initial: (settings) => ({ settings, outbox: [] }),
  apply: (state, outcome, now) => void state.outbox.push(...state.settings.react(outcome, now)),
  decide: (state) => state.outbox.splice(0),
  status: (state) => ({ phase: "scripted", cause: null, figures: { out: state.outbox.length } }),
});

export function runScripted(host: TestHost, react: ScriptSettings["react"]) {
  const outcomes: Outcome[] = [];
  const recording = (outcome: Outcome, now: Now) => {
    outcomes.push(outcome);
    return react(outcome, now);
  };
  const runner = new ActorRunner(scripted, { react: recording }, null, host.ports);
  const kinds = () => outcomes.map(({ kind }) => kind);
  /** The first outcome of a kind, with its own type. */
  const find = <Kind extends Outcome["kind"]>(kind: Kind) =>
    outcomes.find((outcome): outcome is Extract<Outcome, { kind: Kind }> => outcome.kind === kind);
  return { runner, outcomes, kinds, find };
}
