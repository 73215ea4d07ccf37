// Which stream carries which message, and its settings; as data, with one function to ensure them.
import type { AnyDefinition } from "../messages/catalogue.js";
import type { Durability } from "../messages/define.js";
import {
  type ApiResult,
  apiErrors,
  deleteStream,
  ensureStream,
  isRefusal,
  listStreams,
  nanoseconds,
  readStreamInfo,
  type StreamConfiguration,
} from "./jetstream.js";
import type { NatsLink } from "./nats.js";

export interface StreamSettings {
  /** 1, or 3 on a cluster of NATS servers. */
  readonly replicas: number;
  /** How much log a channel may hold; at the end of it inserts get a typed 'full'. */
  readonly logBytesMax: number;
  /**
   * How long the log knows a message id. It must exceed the time in which a client may retry, the
   * silence that the server allows a client and a proxy before it cuts them off, and the deadline
   * of a request, so that no retry comes too late to be known as one.
   */
  readonly duplicateWindowMs: number;
}

export const streamSettingsDefault: StreamSettings = {
  replicas: 1,
  logBytesMax: 8 * 1024 ** 3,
  duplicateWindowMs: 300_000,
};

/** A constant of the cluster: the largest body of an entry of the log. */
export const entryBytesMax = 4 * 1024 ** 2;
const headerBytesMax = 64 * 1024;
const megabyte = 1024 ** 2;
const unlimited = -1;

export const logStreamOf = (channel: string): string => `WAL_${channel}`;
export const logSubjectOf = (channel: string): string => `wal.${channel}`;

const streamOfDurability: Readonly<Record<Exclude<Durability, "log">, string>> = {
  announcement: "CONTROL",
  command: "COMMANDS",
  task: "TASKS",
  query: "QUERIES",
  reply: "REPLIES",
};

export function streamOf(durability: Exclude<Durability, "log">): string {
  return streamOfDurability[durability];
}

/** The log of one channel. Only the coordinator makes one: a missing log is damage. */
export function logStream(channel: string, settings: StreamSettings): StreamConfiguration {
  return {
    ...stream(logStreamOf(channel), [logSubjectOf(channel)], settings),
    max_bytes: settings.logBytesMax,
    max_msg_size: entryBytesMax + headerBytesMax,
    duplicate_window: nanoseconds(settings.duplicateWindowMs),
    discard: "new",
    deny_delete: true,
  };
}

/** The streams that all channels share, and which anybody who needs one creates. */
export function sharedStreams(settings: StreamSettings): readonly StreamConfiguration[] {
  return [
    {
      ...stream("CONTROL", ["control.>"], settings),
      max_bytes: 64 * megabyte,
      duplicate_window: nanoseconds(120_000),
    },
    {
      ...workQueue("COMMANDS", ["command.>"], settings),
      max_age: nanoseconds(600_000),
      max_bytes: 64 * megabyte,
      duplicate_window: nanoseconds(120_000),
    },
    {
      ...workQueue("TASKS", ["task.>"], settings),
      max_bytes: 64 * megabyte,
      duplicate_window: nanoseconds(120_000),
    },
    {
      ...workQueue("QUERIES", ["query.>"], settings),
      ...transient,
      max_bytes: 256 * megabyte,
    },
    {
      ...stream("REPLIES", ["reply.>"], settings),
      ...transient,
      max_bytes: 64 * megabyte,
    },
  ];
}

function stream(
  name: string,
  subjects: readonly string[],
  { replicas }: StreamSettings,
): StreamConfiguration {
  return {
    name,
    subjects,
    storage: "file",
    retention: "limits",
    discard: "old",
    max_bytes: unlimited,
    max_msg_size: unlimited,
    max_age: 0,
    duplicate_window: nanoseconds(60_000),
    num_replicas: replicas,
    deny_delete: false,
    no_ack: false,
  };
}

function workQueue(
  name: string,
  subjects: readonly string[],
  settings: StreamSettings,
): StreamConfiguration {
  return { ...stream(name, subjects, settings), retention: "workqueue", discard: "new" };
}

/** Gone with the broker, definition and all; nobody waits for an acknowledgement of these. */
const transient = {
  storage: "memory",
  max_age: nanoseconds(60_000),
  duplicate_window: nanoseconds(30_000),
  no_ack: true,
} as const;

/**
 * After a reconnect, before anything else resumes: makes those that went with the server. Those
 * that are there answer for themselves, also while a cluster has nobody who may make one.
 */
export async function restoreSharedStreams(
  link: NatsLink,
  settings: StreamSettings,
): Promise<ApiResult<null>> {
  const restored = sharedStreams(settings).map(async (configuration) => {
    const info = await readStreamInfo(link, configuration.name);
    const isMissing = isRefusal(info, apiErrors.streamNotFound);
    return isMissing ? ensureStream(link, configuration) : info;
  });
  const failed = (await Promise.all(restored)).find(({ ok }) => !ok);
  return failed === undefined || failed.ok ? { ok: true, value: null } : failed;
}

/** Those that are there get these settings. */
export async function ensureSharedStreams(
  link: NatsLink,
  settings: StreamSettings,
): Promise<ApiResult<null>> {
  for (const configuration of sharedStreams(settings)) {
    const result = await ensureStream(link, configuration);
    if (!result.ok) return result;
  }
  return { ok: true, value: null };
}

export const createLogStream = (link: NatsLink, channel: string, settings: StreamSettings) =>
  ensureStream(link, logStream(channel, settings));

export const removeLogStream = (link: NatsLink, channel: string) =>
  deleteStream(link, logStreamOf(channel));

/** The channels that have one. */
export async function listLogs(link: NatsLink): Promise<ApiResult<readonly string[]>> {
  const listed = await listStreams(link, logSubjectOf("*"));
  if (!listed.ok) return listed;
  const first = logStreamOf("");
  const own = listed.value.filter((name) => name.startsWith(first));
  return { ok: true, value: own.map((name) => name.slice(first.length)) };
}

/**
 * The narrowest subject that covers these messages; `token` stands for the first field. One
 * consumer then serves a worker that takes several kinds, and its credits are for all of them.
 */
export function filterOf(definitions: readonly AnyDefinition[], token: string | null): string {
  const filters = definitions.map(({ filter }) =>
    (token === null ? filter : filter.replace("*", token)).split("."),
  );
  const [first = []] = filters;
  if (filters.some((parts) => parts.length !== first.length)) {
    throw new Error(`no one subject covers ${definitions.map(({ kind }) => kind).join(", ")}`);
  }
  return first
    .map((part, n) => (filters.every((parts) => parts[n] === part) ? part : "*"))
    .join(".");
}
