// The one file that knows the NATS client: a connection that heals for ever, with typed results.
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
} from "nats";
import { UnavailableError } from "../storage/errors.js";
import type { KeyValueClient } from "../storage/metadata-store-nats.js";

export interface NatsSettings {
  readonly servers: string | readonly string[];
  readonly name: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** The path of a credentials file. */
  readonly credentials?: string | undefined;
  readonly tls?: { ca?: string; certificate?: string; key?: string } | undefined;
  /** Wait for a server that is not there yet; otherwise the first failure is thrown. */
  readonly waitForServer: boolean;
}

export type Headers = Readonly<Record<string, string>>;

export interface NatsMessage {
  readonly subject: string;
  readonly reply: string | undefined;
  readonly body: Uint8Array;
  /** 0 of an ordinary message, else what the server says in place of one (503: nobody listens). */
  readonly status: number;
  readonly description: string;
  header(name: string): string | undefined;
}

export type RequestResult =
  | { kind: "ok"; message: NatsMessage }
  /** `detail` says more: the connection ended before the answer came, or the request was refused. */
  | { kind: "no-responders" | "timeout" | "disconnected" | "refused"; detail: string };

/** refused: the client itself will not send it, for instance because it is too large. */
export type PublishResult = { ok: true } | { ok: false; reason: "disconnected" | "refused" };

export interface Subscription {
  close(): void;
}

export interface ServiceEndpoint {
  readonly name: string;
  readonly subject: string;
  handle(message: NatsMessage): void;
}

export interface ServiceSettings {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly queue: string;
  readonly endpoints: readonly ServiceEndpoint[];
}

export interface LinkObserver {
  disconnected?(): void;
  reconnected?(): void;
}

export interface NatsLink {
  /** Counts the connections that ended: what arrives now came on the connection of this number. */
  readonly generation: number;
  readonly connected: boolean;
  readonly payloadBytesMax: number;
  readonly serverVersion: string;
  readonly url: string;
  /** Whether the server is one of a cluster. */
  readonly clustered: boolean;
  /** Resolves when the connection is over for good, with the reason if nobody closed it. */
  readonly closed: Promise<Error | undefined>;
  newInbox(): string;
  publish(
    subject: string,
    body: Uint8Array,
    options?: { headers?: Headers; reply?: string },
  ): PublishResult;
  request(
    subject: string,
    body: Uint8Array,
    options?: { headers?: Headers; timeoutMs?: number },
  ): Promise<RequestResult>;
  subscribe(
    subject: string,
    handle: (message: NatsMessage) => void,
    options?: { queue?: string },
  ): Subscription;
  /** A micro service (ADR-32); resolves with what stops it, the requests taken being handled. */
  serve(settings: ServiceSettings): Promise<{ stop(): Promise<void> }>;
  /** The client's own objects, for the metadata store. */
  keyValueClient(): Promise<KeyValueClient>;
  observe(observer: LinkObserver): void;
  /** Resolves when all that was published has reached the server; rejects without a connection. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

const requestTimeoutMs = 5_000;

export async function connectNats(settings: NatsSettings): Promise<NatsLink> {
  return createLink(await connect(await connectionOptions(settings)));
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
    // The client's own defaults give up after some 20 s, for ever.
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 50,
    waitOnFirstConnect: settings.waitForServer,
    pingInterval: 5_000,
    maxPingOut: 2,
    timeout: 2_000,
  };
}

function tlsOptions({ ca, certificate, key }: NonNullable<NatsSettings["tls"]>) {
  return {
    ...(ca === undefined ? {} : { caFile: ca }),
    ...(certificate === undefined ? {} : { certFile: certificate }),
    ...(key === undefined ? {} : { keyFile: key }),
  };
}

function createLink(connection: NatsConnection): NatsLink {
  const observers: LinkObserver[] = [];
  /** Requests under way, to be told when the connection ends: the client lets them time out. */
  const waiting = new Set<(result: RequestResult) => void>();
  let generation = 1;
  let current = identityOf(connection);

  /**
   * The client queues what is published while it dials and sends some of it later. Its status
   * events come late, its server information at once, so that decides whether we are connected.
   */
  const isConnected = () => current !== undefined && identityOf(connection) === current;

  function onDisconnect(): void {
    generation += 1;
    current = undefined;
    const results = [...waiting];
    waiting.clear();
    for (const resolve of results) resolve({ kind: "disconnected", detail: "connection lost" });
    for (const observer of observers) observer.disconnected?.();
  }

  async function watchStatus(): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === Events.Disconnect) onDisconnect();
      if (status.type !== Events.Reconnect) continue;
      current = identityOf(connection);
      for (const observer of observers) observer.reconnected?.();
    }
  }
  // It ends with the connection's own resources: the client never closes this iterator.
  void watchStatus();

  return {
    get generation() {
      return generation;
    },
    get connected() {
      return isConnected();
    },
    get payloadBytesMax() {
      return connection.info?.max_payload ?? 0;
    },
    get serverVersion() {
      return connection.info?.version ?? "";
    },
    get url() {
      return connection.getServer();
    },
    get clustered() {
      return (connection.info as { cluster?: string } | undefined)?.cluster !== undefined;
    },
    closed: connection.closed().then((error) => error ?? undefined),
    newInbox: () => createInbox(),
    publish(subject, body, options = {}) {
      if (!isConnected()) return { ok: false, reason: "disconnected" };
      return publish(connection, subject, body, options);
    },
    async request(subject, body, options = {}) {
      if (!isConnected()) return { kind: "disconnected", detail: "not connected" };
      return new Promise((resolve) => {
        const settle = (result: RequestResult) => {
          waiting.delete(settle);
          resolve(result);
        };
        waiting.add(settle);
        void request(connection, subject, body, options).then(settle);
      });
    },
    subscribe(subject, handle, options = {}) {
      const callback = (error: NatsError | null, message: Msg) => {
        if (error === null) guarded(() => handle(wrap(message)));
      };
      const subscription = connection.subscribe(subject, { ...options, callback });
      return { close: () => (connection.isClosed() ? undefined : subscription.unsubscribe()) };
    },
    serve: (settings) => serve(connection, settings),
    async keyValueClient() {
      try {
        const { streams } = await connection.jetstreamManager();
        return { views: connection.jetstream().views, streams };
      } catch (error) {
        throw new UnavailableError("reach JetStream", error);
      }
    },
    observe: (observer) => void observers.push(observer),
    flush: () => connection.flush(),
    close: () => connection.close(),
  };
}

/** Of one TCP connection; undefined while the client dials. */
function identityOf(connection: NatsConnection): string | undefined {
  const info = connection.info;
  return info === undefined ? undefined : `${info.server_id}:${info.client_id}`;
}

function publish(
  connection: NatsConnection,
  subject: string,
  body: Uint8Array,
  options: { headers?: Headers; reply?: string },
): PublishResult {
  try {
    connection.publish(subject, body, {
      ...(options.headers === undefined ? {} : { headers: headersOf(options.headers) }),
      ...(options.reply === undefined ? {} : { reply: options.reply }),
    });
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

async function request(
  connection: NatsConnection,
  subject: string,
  body: Uint8Array,
  options: { headers?: Headers; timeoutMs?: number },
): Promise<RequestResult> {
  try {
    const message = await connection.request(subject, body, {
      timeout: options.timeoutMs ?? requestTimeoutMs,
      ...(options.headers === undefined ? {} : { headers: headersOf(options.headers) }),
    });
    return { kind: "ok", message: wrap(message) };
  } catch (error) {
    const { code, message } = error as NatsError;
    if (code === ErrorCode.NoResponders) return { kind: "no-responders", detail: subject };
    if (code === ErrorCode.Timeout) return { kind: "timeout", detail: subject };
    const refused =
      code === ErrorCode.MaxPayloadExceeded || code === ErrorCode.PermissionsViolation;
    return { kind: refused ? "refused" : "disconnected", detail: message };
  }
}

async function serve(connection: NatsConnection, settings: ServiceSettings) {
  const { name, version, description, queue } = settings;
  const service = await connection.services.add({ name, version, description, queue });
  for (const endpoint of settings.endpoints) {
    service.addEndpoint(endpoint.name, {
      subject: endpoint.subject,
      handler: (error, message) => {
        if (error === null) guarded(() => endpoint.handle(wrap(message)));
      },
    });
  }
  return { stop: async () => void (await service.stop()) };
}

/** What a handler throws would end the client's reading for ever; so it ends the process instead. */
function guarded(handle: () => void): void {
  try {
    handle();
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

function headersOf(headers: Headers): MsgHdrs {
  const encoded = emptyHeaders();
  for (const [name, value] of Object.entries(headers)) encoded.set(name, value);
  return encoded;
}

function wrap(message: Pick<Msg, "subject" | "data" | "reply" | "headers">): NatsMessage {
  const { headers } = message;
  return {
    subject: message.subject,
    reply: message.reply === "" ? undefined : message.reply,
    body: message.data,
    status: headers?.code ?? 0,
    description: headers?.description ?? "",
    header: (name) => (headers?.has(name) ? headers.get(name) : undefined),
  };
}
