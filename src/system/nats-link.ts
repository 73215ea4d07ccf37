// What a connection to NATS offers, free of any type of the client's.
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
  readonly header: (name: string) => string | undefined;
}

export interface PublishOptions {
  readonly headers?: Headers | undefined;
  readonly reply?: string | undefined;
}

export interface RequestOptions {
  readonly headers?: Headers;
  readonly timeoutMs?: number;
}

export type RequestResult =
  | { kind: "ok"; message: NatsMessage }
  /** disconnected: perhaps it arrived; refused: the client itself would not send it. */
  | { kind: "no-responders" | "timeout" | "disconnected" | "refused"; detail: string };

/** refused: the client itself will not send it, for instance because it is too large. */
export type PublishResult = { ok: true } | { ok: false; reason: "disconnected" | "refused" };

export interface Subscription {
  close(): void;
}

export interface ServiceEndpoint {
  readonly name: string;
  readonly subject: string;
  /** `generation`: of the connection on which it came. */
  handle(message: NatsMessage, generation: number): void;
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
  /** Another attempt to connect has failed; they go on for ever. */
  failed?(error: Error): void;
  reconnected?(): void;
}

export interface NatsLink {
  /** Counts the connections: one more at each end of one. */
  readonly generation: number;
  readonly connected: boolean;
  readonly payloadBytesMax: number;
  readonly serverVersion: string;
  readonly url: string;
  /** Whether the server is one of a cluster. */
  readonly clustered: boolean;
  newInbox(): string;
  publish(subject: string, body: Uint8Array, options?: PublishOptions): PublishResult;
  request(subject: string, body: Uint8Array, options?: RequestOptions): Promise<RequestResult>;
  subscribe(
    subject: string,
    handle: (message: NatsMessage, generation: number) => void,
    options?: { queue?: string },
  ): Subscription;
  /** A micro service (ADR-32); resolves with what stops it, the requests taken being handled. */
  serve(settings: ServiceSettings): Promise<{ stop(): Promise<void> }>;
  /** What the metadata store needs; its calls reject while there is no connection. */
  keyValueClient(): KeyValueClient;
  observe(observer: LinkObserver): void;
  /** Resolves when all that was published has reached the server; rejects without a connection. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
