// The one file that knows the NATS client: single connections of it, with typed results.
import { readFile } from "node:fs/promises";
import {
  type ConnectionOptions,
  connect,
  createInbox,
  credsAuthenticator,
  ErrorCode,
  Events,
  headers as emptyHeaders,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type NatsError,
  type PublishOptions as NatsPublishOptions,
} from "nats";
import { HealingLink, type Wire, type WireService } from "./healing-link.js";
import type {
  Headers,
  NatsLink,
  NatsMessage,
  NatsSettings,
  PublishOptions,
  PublishResult,
  RequestOptions,
  RequestResult,
} from "./nats-link.js";
import { type Refusal, RequestMux } from "./request-mux.js";
import { Turn } from "./turn.js";

// Whoever connects also names what it gets.
export type * from "./nats-link.js";

const requestTimeoutMs = 5_000;
const dialTimeoutMs = 2_000;
/** Of a message that waits for others of its turn; a larger one fills a write by itself. */
const gatheredBytesMax = 16 * 1024;

/** Rejects with the first failure, unless it is to wait for a server. */
export async function connectNats(settings: NatsSettings): Promise<NatsLink> {
  const options = await connectionOptions(settings);
  return HealingLink.open(async () => wireOf(await connect(options)), settings.waitForServer);
}

async function connectionOptions(settings: NatsSettings): Promise<ConnectionOptions> {
  const { servers, name, user, password, token, credentials, tls } = settings;
  return {
    servers: typeof servers === "string" ? servers.split(",") : [...servers],
    name,
    ...(user === undefined ? {} : { user, pass: password ?? "" }),
    ...(token === undefined ? {} : { token }),
    ...(credentials === undefined
      ? {}
      : { authenticator: credsAuthenticator(await readFile(credentials)) }),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
    // The link dials again: it says why.
    reconnect: false,
    // A stack for each request, in case it fails, costs a sixth of a busy client's time.
    noAsyncTraces: true,
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: dialTimeoutMs,
  };
}

function tlsOptions({ ca, certificate, key }: NonNullable<NatsSettings["tls"]>) {
  return {
    ...(ca === undefined ? {} : { caFile: ca }),
    ...(certificate === undefined ? {} : { certFile: certificate }),
    ...(key === undefined ? {} : { keyFile: key }),
  };
}

function wireOf(connection: NatsConnection): Wire {
  const turn = new Turn();
  const subscribe = subscribeOn(connection);
  const refusals = () => refusalsOf(connection);
  const mux = new RequestMux({ subscribe, refusals }, createInbox());
  return {
    ended: connection.closed().then(() => mux.end()),
    isOpen: () => !connection.isClosed(),
    payloadBytesMax: () => connection.info?.max_payload ?? 0,
    serverVersion: () => connection.info?.version ?? "",
    url: () => connection.getServer(),
    isClustered: () => connection.info?.cluster !== undefined,
    newInbox: () => createInbox(),
    publish(subject, body, options) {
      if (isSmall(connection, body, options)) {
        turn.add(() => publish(connection, subject, body, options));
        return { ok: true };
      }
      turn.end();
      return publish(connection, subject, body, options);
    },
    request: (subject, body, options, settle) =>
      turn.add(() => request({ connection, mux }, subject, body, options, settle)),
    subscribe,
    serve: (settings) => serve(connection, settings),
    openBucket: (name, options) => connection.jetstream().views.kv(name, options),
    streamInfo: async (stream, options) => {
      const manager = await connection.jetstreamManager({ checkAPI: false });
      return manager.streams.info(stream, options);
    },
    streamMessage: async (stream, query) => {
      const manager = await connection.jetstreamManager({ checkAPI: false });
      return manager.streams.getMessage(stream, query);
    },
    flush() {
      turn.end();
      return connection.flush();
    },
    close() {
      turn.end();
      return connection.close();
    },
  };
}

async function* refusalsOf(connection: NatsConnection): AsyncGenerator<Refusal> {
  for await (const event of connection.status()) {
    if (event.type !== Events.Error || event.permissionContext === undefined) continue;
    const { operation, subject } = event.permissionContext;
    yield { operation, subject };
  }
}

function subscribeOn(connection: NatsConnection): Wire["subscribe"] {
  return (subject, handle, queue) => {
    const subscription = connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error === null) guarded(() => handle(new ReceivedMessage(message)));
      },
    });
    return { close: () => (connection.isClosed() ? undefined : subscription.unsubscribe()) };
  };
}

/** So small that the client is sure to take it: only then need nobody wait for what it says. */
function isSmall(connection: NatsConnection, body: Uint8Array, { headers = {} }: PublishOptions) {
  let bytes = body.length + 64;
  for (const name in headers) bytes += 3 * (name.length + (headers[name]?.length ?? 0)) + 8;
  return bytes <= Math.min(gatheredBytesMax, connection.info?.max_payload ?? 0);
}

function publish(
  connection: NatsConnection,
  subject: string,
  body: Uint8Array,
  options: PublishOptions,
): PublishResult {
  try {
    connection.publish(subject, body, natsOptions(options));
    return { ok: true };
  } catch (error) {
    const { code } = error as NatsError;
    if (code === ErrorCode.MaxPayloadExceeded) return { ok: false, reason: "refused" };
    if (connection.isClosed() || connection.isDraining()) {
      return { ok: false, reason: "disconnected" };
    }
    throw error;
  }
}

function request(
  { connection, mux }: { readonly connection: NatsConnection; readonly mux: RequestMux },
  subject: string,
  body: Uint8Array,
  { timeoutMs = requestTimeoutMs, headers }: RequestOptions,
  settle: (result: RequestResult) => void,
): void {
  const send = (reply: string) =>
    connection.publish(subject, body, natsOptions({ headers, reply }));
  try {
    mux.request({ subject, timeoutMs }, send, settle);
  } catch (error) {
    const { code, message } = error as NatsError;
    const kind = code === ErrorCode.MaxPayloadExceeded ? "refused" : "disconnected";
    settle({ kind, detail: message });
  }
}

async function serve(connection: NatsConnection, settings: WireService) {
  const { name, version, description, queue, endpoints } = settings;
  const service = await connection.services.add({ name, version, description, queue });
  for (const endpoint of endpoints) {
    service.addEndpoint(endpoint.name, {
      subject: endpoint.subject,
      handler: (error, message) => {
        if (error === null) guarded(() => endpoint.handle(new ReceivedMessage(message)));
      },
    });
  }
  return { stop: async () => void (await service.stop()) };
}

/** What a handler throws would end the client's reading for ever: it ends the process instead. */
function guarded(handle: () => void): void {
  try {
    handle();
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

function natsOptions({ headers, reply }: PublishOptions): NatsPublishOptions {
  const options: NatsPublishOptions = {};
  if (headers !== undefined) options.headers = headersOf(headers);
  if (reply !== undefined) options.reply = reply;
  return options;
}

function headersOf(headers: Headers): MsgHdrs {
  const encoded = emptyHeaders();
  for (const [name, value] of Object.entries(headers)) encoded.set(name, value);
  return encoded;
}

type Received = Pick<Msg, "subject" | "data" | "reply" | "headers">;

/**
 * A class for its getters' sake: an object that is written with one gets a shape of its own, which
 * the collector keeps, with the object, until it looks at the whole heap.
 */
class ReceivedMessage implements NatsMessage {
  readonly subject: string;
  readonly reply: string | undefined;
  readonly body: Uint8Array;
  readonly #message: Received;

  constructor(message: Received) {
    const { subject, reply, data } = message;
    this.subject = subject;
    this.reply = reply === "" ? undefined : reply;
    // The client hands out Buffers, whose `slice` is a view where that of others is a copy.
    this.body = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#message = message;
  }

  // Read only when asked for: the client parses them then.
  get status(): number {
    return this.#message.headers?.code ?? 0;
  }

  get description(): string {
    return this.#message.headers?.description ?? "";
  }

  // Its own, not the class's: readers take it out of its message and hand it on by itself.
  readonly header = (name: string): string | undefined => {
    const { headers } = this.#message;
    return headers?.has(name) ? headers.get(name) : undefined;
  };
}
