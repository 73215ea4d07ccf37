// Which actors a host runs for its roles, and the settings that each of them gets.
import { coordinator } from "../actors/coordinator.js";
import { dataWorker } from "../actors/data-worker.js";
import { indexWorker } from "../actors/index-worker.js";
import { proxy } from "../actors/proxy.js";
import { queryWorker } from "../actors/query-worker.js";
import { timestampOracle } from "../actors/timestamp-oracle.js";
import type { ActorStatus, AssignmentRecord, Role } from "../messages/records.js";
import type { ActorDefinition, Outcome } from "./actor.js";
import { ActorRunner, type RunnerPorts } from "./actor-runner.js";
import { entryBytesMax } from "./streams.js";
import { commandAckWaitMs, taskAckWaitMs } from "./work-source.js";

/** What the settings of all actors are made from. */
export interface ActorContext {
  readonly host: string;
  readonly sessionTtlMs: number;
  readonly duplicateWindowMs: number;
  /** How many reads a query worker holds at once. */
  readonly readsMax: number;
  readonly unflushedBytesMax: number;
  readonly channelBytesMax: number;
  /** Whether query workers have a cache of search results to ask. */
  readonly caches: boolean;
}

/** An actor, whatever its settings and state are. */
export interface RunningActor {
  readonly name: string;
  readonly status: ActorStatus;
  tell(outcome: Outcome): boolean;
  restart(reason: string): void;
  drain(timeoutMs: number): Promise<void>;
  stop(): void;
}

/** May change what a definition does, such as where its process dies: for tests of failures. */
export type ChangeDefinition = <Settings, State>(
  definition: ActorDefinition<Settings, State>,
) => ActorDefinition<Settings, State>;

export type ActorStart = (ports: RunnerPorts, changed?: ChangeDefinition) => RunningActor;

export type ChannelRole = Extract<Role, "query" | "data">;
export type HostRole = Exclude<Role, ChannelRole>;

const requestsMax = 4_096;
/** In flight at a proxy: more of them are worth being gathered. */
const fewRequests = 4;
const relistMs = 60_000;
const orphanGraceMs = 3_600_000;
const objectGraceMs = 3_600_000;
/** Of a channel: longer than the pauses of a writer that has not finished. */
export const quietMs = 20_000;

/** One actor a host. */
const hostActors: Readonly<Record<HostRole, (context: ActorContext) => ActorStart>> = {
  proxy: ({ host, channelBytesMax, caches }) => {
    // A shared cache knows searches one by one.
    const gathersFrom = caches ? Number.POSITIVE_INFINITY : fewRequests;
    const bounds = { requestsMax, entryBytesMax, channelBytesMax, gathersFrom };
    return plan(proxy, { proxy: host, ...bounds }, null);
  },
  coordinator: ({ host, sessionTtlMs }) =>
    plan(
      coordinator,
      { host, sessionTtlMs, ackWaitMs: commandAckWaitMs, relistMs, orphanGraceMs },
      null,
    ),
  oracle: ({ host, sessionTtlMs }) => plan(timestampOracle, { host, sessionTtlMs }, null),
  index: ({ host }) => plan(indexWorker, { host, ackWaitMs: taskAckWaitMs }, null),
};

/** One actor for each channel that the host was assigned. */
const channelActors: Readonly<
  Record<ChannelRole, (context: ActorContext, assignment: AssignmentRecord) => ActorStart>
> = {
  query: ({ host, readsMax, caches }, assignment) =>
    plan(queryWorker, { host, readsMax, caches, ...channelOf(assignment) }, assignment.channel),
  data: ({ host, duplicateWindowMs, unflushedBytesMax }, assignment) =>
    plan(
      dataWorker,
      {
        ...{ host, duplicateWindowMs, objectGraceMs, unflushedBytesMax, quietMs },
        ...channelOf(assignment),
      },
      assignment.channel,
    ),
};

export const hostActor = (role: HostRole, context: ActorContext): ActorStart =>
  hostActors[role](context);

export const channelActor = (
  role: ChannelRole,
  context: ActorContext,
  assignment: AssignmentRecord,
): ActorStart => channelActors[role](context, assignment);

export function isChannelRole(role: Role): role is ChannelRole {
  return role in channelActors;
}

/** Channels are named `<collectionId>-<shard>`. */
function channelOf({ channel, collectionId, collectionKey }: AssignmentRecord) {
  const shard = Number(channel.slice(channel.lastIndexOf("-") + 1));
  return { channel, shard, collectionId, collectionKey };
}

function plan<Settings, State>(
  definition: ActorDefinition<Settings, State>,
  settings: Settings,
  channel: string | null,
): ActorStart {
  return (ports, changed) =>
    new ActorRunner(changed?.(definition) ?? definition, settings, channel, ports);
}
