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
import type {
  Headers,
  LinkObserver,
  NatsLink,
  NatsMessage,
  NatsSettings,
  PublishOptions,
  PublishResult,
  RequestOptions,
  RequestResult,
  ServiceSettings,
  Subscription,
} from "./nats-link.js";

// Whoever connects also names what it gets.
export type * from "./nats-link.js";

const requestTimeoutMs = 5_000;

export async function connectNats(settings: NatsSettings): Promise<NatsLink> {
  return new Link(await connect(await connectionOptions(settings)));
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

class Link implements NatsLink {
  readonly closed: Promise<Error | undefined>;
  readonly #connection: NatsConnection;
  readonly #observers: LinkObserver[] = [];
  /** Requests under way, to be told when the connection ends: the client lets them time out. */
  readonly #waiting = new Set<(result: RequestResult) => void>();
  #generation = 1;
  #current: string | undefined;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
    this.#current = identityOf(connection);
    this.closed = connection.closed().then((error) => error ?? undefined);
    // It ends with the connection's own resources: the client never closes this iterator.
    void this.#watchStatus();
  }

  get generation(): number {
    return this.#generation;
  }

  /**
   * The client queues what is published while it dials and sends some of it later. Its status
   * events come late, its server information at once, so that decides whether we are connected.
   */
  get connected(): boolean {
    return this.#current !== undefined && identityOf(this.#connection) === this.#current;
  }

  get payloadBytesMax(): number {
    return this.#connection.info?.max_payload ?? 0;
  }

  get serverVersion(): string {
    return this.#connection.info?.version ?? "";
  }

  get url(): string {
    return this.#connection.getServer();
  }

  get clustered(): boolean {
    return this.#connection.info?.cluster !== undefined;
  }

  newInbox(): string {
    return createInbox();
  }

  observe(observer: LinkObserver): void {
    this.#observers.push(observer);
  }

  publish(subject: string, body: Uint8Array, options: PublishOptions = {}): PublishResult {
    if (!this.connected) return { ok: false, reason: "disconnected" };
    return publish(this.#connection, subject, body, options);
  }

  request(subject: string, body: Uint8Array, options: RequestOptions = {}): Promise<RequestResult> {
    if (!this.connected) {
      return Promise.resolve({ kind: "disconnected", detail: "there is no connection" });
    }
    return new Promise((resolve) => {
      const settle = (result: RequestResult) => {
        this.#waiting.delete(settle);
        resolve(result);
      };
      this.#waiting.add(settle);
      void request(this.#connection, subject, body, options).then(settle);
    });
  }

  subscribe(
    subject: string,
    handle: (message: NatsMessage) => void,
    options: { queue?: string } = {},
  ): Subscription {
    const connection = this.#connection;
    const callback = (error: NatsError | null, message: Msg) => {
      if (error === null) guarded(() => handle(wrap(message)));
    };
    const subscription = connection.subscribe(subject, { ...options, callback });
    return { close: () => (connection.isClosed() ? undefined : subscription.unsubscribe()) };
  }

  serve(settings: ServiceSettings): Promise<{ stop(): Promise<void> }> {
    return serve(this.#connection, settings);
  }

  async keyValueClient(): Promise<KeyValueClient> {
    try {
      const { streams } = await this.#connection.jetstreamManager();
      return { views: this.#connection.jetstream().views, streams };
    } catch (error) {
      throw new UnavailableError("reach JetStream", error);
    }
  }

  flush(): Promise<void> {
    return this.#connection.flush();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #watchStatus(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === Events.Disconnect) this.#onDisconnect();
      if (type === Events.Reconnect) this.#onReconnect();
    }
  }

  #onDisconnect(): void {
    this.#generation += 1;
    this.#current = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) {
      resolve({ kind: "disconnected", detail: "the connection was lost before the answer" });
    }
    for (const observer of this.#observers) observer.disconnected?.();
  }

  #onReconnect(): void {
    this.#current = identityOf(this.#connection);
    for (const observer of this.#observers) observer.reconnected?.();
  }
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
  options: PublishOptions,
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
  options: RequestOptions,
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
  // The server has heard of the endpoints when it answers.
  await connection.flush();
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

function headersOf(headers: Headers): MsgHdrs {
  const encoded = emptyHeaders();
  for (const [name, value] of Object.entries(headers)) encoded.set(name, value);
  return encoded;
}

function wrap(message: Pick<Msg, "subject" | "data" | "reply" | "headers">): NatsMessage {
  const { headers, data } = message;
  return {
    subject: message.subject,
    reply: message.reply === "" ? undefined : message.reply,
    // The client hands out Buffers, whose `slice` is a view where that of others is a copy.
    body: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    status: headers?.code ?? 0,
    description: headers?.description ?? "",
    header: (name) => (headers?.has(name) ? headers.get(name) : undefined),
  };
}
