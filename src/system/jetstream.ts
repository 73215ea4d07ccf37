// The calls of JetStream's own API that Elanus makes, with typed results.
import type { NatsLink, RequestResult } from "./nats.js";

/** unavailable: no answer, or not now; the call may or may not have been carried out. */
export type ApiResult<Value> =
  | { ok: true; value: Value }
  | { ok: false; reason: "refused"; code: number; detail: string }
  | { ok: false; reason: "unavailable"; detail: string };

/** JetStream's error codes (`err_code`) that mean something to us. */
export const apiErrors = {
  insufficientResources: 10_023,
  memoryExceeded: 10_028,
  consumerNotFound: 10_014,
  messageNotFound: 10_037,
  storageExceeded: 10_047,
  messageTooLarge: 10_054,
  streamNameInUse: 10_058,
  streamNotFound: 10_059,
  otherStreamExpected: 10_060,
  streamFull: 10_077,
} as const;

/** As the API has it: times in nanoseconds, sizes in bytes. */
export interface StreamConfiguration {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly storage: "file" | "memory";
  readonly retention: "limits" | "workqueue";
  readonly discard: "old" | "new";
  readonly max_bytes: number;
  readonly max_msg_size: number;
  readonly max_age: number;
  readonly duplicate_window: number;
  readonly num_replicas: number;
  readonly deny_delete: boolean;
  readonly no_ack: boolean;
}

export interface StreamInfo {
  readonly config: StreamConfiguration;
  readonly created: string;
  readonly state: {
    readonly messages: number;
    readonly bytes: number;
    readonly first_seq: number;
    readonly last_seq: number;
    readonly consumer_count: number;
  };
}

export interface ConsumerConfiguration {
  readonly durable_name?: string;
  readonly filter_subject?: string;
  readonly deliver_policy: "all" | "new" | "by_start_sequence";
  readonly opt_start_seq?: number;
  readonly ack_policy: "none" | "explicit";
  readonly ack_wait?: number;
  readonly max_deliver?: number;
  readonly max_ack_pending?: number;
  readonly inactive_threshold?: number;
  readonly mem_storage?: boolean;
}

export interface ConsumerInfo {
  readonly name: string;
  /** Messages that it had still to deliver then. */
  readonly num_pending: number;
}

/** One message of a stream, read by its sequence. */
export interface StoredMessage {
  readonly sequence: number;
  readonly appendedAtUs: number;
  readonly body: Uint8Array;
  readonly header: (name: string) => string | undefined;
}

export const nanoseconds = (milliseconds: number): number => milliseconds * 1_000_000;

const prefix = "$JS.API";
const timeoutMs = 2_500;
/**
 * In a cluster a call is lost while who should answer has no leader, or when it puts a consumer on
 * a server that has just died. So it is made again meanwhile, perhaps for another server: each call
 * may be carried out twice, and a consumer that nobody asks for messages ends by itself.
 */
const copiesAfterMs = [400, 900, 1_600];

export async function callJetStream<Value>(
  link: NatsLink,
  operation: string,
  request: unknown = {},
): Promise<ApiResult<Value>> {
  const body = Buffer.from(JSON.stringify(request));
  const result = await ask(link, `${prefix}.${operation}`, body);
  if (result.kind !== "ok") {
    return unavailable(`${operation}: ${result.kind} (${result.detail})`);
  }
  const answer = JSON.parse(Buffer.from(result.message.body).toString("utf8")) as Value & {
    error?: { code: number; err_code?: number; description?: string };
  };
  if (answer.error === undefined) return { ok: true, value: answer };
  const { code, err_code = code, description = "" } = answer.error;
  const detail = `${operation}: ${description} (${err_code})`;
  // 503: JetStream is starting, electing a leader, or out of resources.
  return code === 503
    ? unavailable(detail)
    : { ok: false, reason: "refused", code: err_code, detail };
}

/** The first answer counts. */
function ask(link: NatsLink, subject: string, body: Uint8Array): Promise<RequestResult> {
  return new Promise((resolve) => {
    const send = (afterMs: number) => {
      void link.request(subject, body, { timeoutMs: timeoutMs - afterMs }).then(settle);
    };
    const copies = link.clustered ? copiesAfterMs : [];
    const timers = copies.map((afterMs) => setTimeout(() => send(afterMs), afterMs));
    const settle = (result: RequestResult) => {
      for (const timer of timers) clearTimeout(timer);
      resolve(result);
    };
    send(0);
  });
}

function unavailable(detail: string): ApiResult<never> {
  return { ok: false, reason: "unavailable", detail };
}

export const readStreamInfo = (link: NatsLink, stream: string) =>
  callJetStream<StreamInfo>(link, `STREAM.INFO.${stream}`);

/** Succeeds when a stream with this configuration is there already. */
export async function ensureStream(
  link: NatsLink,
  configuration: StreamConfiguration,
): Promise<ApiResult<StreamInfo>> {
  const { name } = configuration;
  const created = await callJetStream<StreamInfo>(link, `STREAM.CREATE.${name}`, configuration);
  const inUse = !created.ok && created.reason === "refused";
  if (!inUse || created.code !== apiErrors.streamNameInUse) return created;
  return callJetStream<StreamInfo>(link, `STREAM.UPDATE.${name}`, configuration);
}

/** Succeeds when there is no such stream. */
export async function deleteStream(link: NatsLink, stream: string): Promise<ApiResult<unknown>> {
  const result = await callJetStream(link, `STREAM.DELETE.${stream}`);
  return isRefusal(result, apiErrors.streamNotFound) ? { ok: true, value: null } : result;
}

/** The names of those that take messages of a subject; the server gives a page at a time. */
export async function listStreams(
  link: NatsLink,
  subject: string,
): Promise<ApiResult<readonly string[]>> {
  const names: string[] = [];
  for (;;) {
    const asked = { subject, offset: names.length };
    const page = await callJetStream<{ total: number; streams: readonly string[] | null }>(
      link,
      "STREAM.NAMES",
      asked,
    );
    if (!page.ok) return page;
    const { total, streams } = page.value;
    names.push(...(streams ?? []));
    if (names.length >= total || (streams ?? []).length === 0) return { ok: true, value: names };
  }
}

/** Drops the messages up to and including `through`. */
export const purgeStream = (link: NatsLink, stream: string, through: number) =>
  callJetStream<{ purged: number }>(link, `STREAM.PURGE.${stream}`, { seq: through + 1 });

/** Null when the stream holds no message of this sequence. */
export async function readStoredMessage(
  link: NatsLink,
  stream: string,
  sequence: number,
): Promise<ApiResult<StoredMessage | null>> {
  const result = await callJetStream<{
    message: { seq: number; time: string; data?: string; hdrs?: string };
  }>(link, `STREAM.MSG.GET.${stream}`, { seq: sequence });
  if (isRefusal(result, apiErrors.messageNotFound)) return { ok: true, value: null };
  if (!result.ok) return result;
  const { seq, time, data = "", hdrs = "" } = result.value.message;
  const headers = parseHeaders(Buffer.from(hdrs, "base64").toString("utf8"));
  return {
    ok: true,
    value: {
      sequence: seq,
      appendedAtUs: microsecondsOf(time),
      body: new Uint8Array(Buffer.from(data, "base64")),
      header: (name) => headers.get(name),
    },
  };
}

/** Succeeds when a durable consumer with this configuration is there already. */
export async function createConsumer(
  link: NatsLink,
  stream: string,
  config: ConsumerConfiguration,
): Promise<ApiResult<ConsumerInfo>> {
  const operation =
    config.durable_name === undefined
      ? `CONSUMER.CREATE.${stream}`
      : `CONSUMER.DURABLE.CREATE.${stream}.${config.durable_name}`;
  return callJetStream<ConsumerInfo>(link, operation, { stream_name: stream, config });
}

export const deleteConsumer = (link: NatsLink, stream: string, consumer: string) =>
  callJetStream(link, `CONSUMER.DELETE.${stream}.${consumer}`);

export const nextMessageSubject = (stream: string, consumer: string): string =>
  `${prefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`;

export function isRefusal(result: ApiResult<unknown>, code: number): boolean {
  return !result.ok && result.reason === "refused" && result.code === code;
}

/** Of a time such as `2026-01-02T03:04:05.12345678Z`, whose trailing zeros are left out. */
export function microsecondsOf(time: string): number {
  const match = /^(.*T\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-].*)$/.exec(time);
  if (match === null) throw new Error(`'${time}' is no time`);
  const [, seconds, fraction = "", zone] = match;
  const micros = Number(fraction.padEnd(6, "0").slice(0, 6));
  return Date.parse(`${seconds}${zone}`) * 1000 + micros;
}

/** The block as it stands before a message's body: a status line, then `name: value` lines. */
function parseHeaders(block: string): Map<string, string> {
  const lines = block.split("\r\n").slice(1);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return headers;
}
