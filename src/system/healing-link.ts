// A link that outlives its connections: each loss is told, and followed by another connection.
import { setTimeout as delay } from "node:timers/promises";
import type { KeyValueBucket, KeyValueClient } from "../storage/metadata-store-nats.js";
import type {
  LinkObserver,
  NatsLink,
  NatsMessage,
  PublishOptions,
  PublishResult,
  RequestOptions,
  RequestResult,
  ServiceSettings,
  Subscription,
} from "./nats-link.js";

/** One connection, which ends and does not come back. */
export interface Wire {
  readonly ended: Promise<void>;
  isOpen(): boolean;
  payloadBytesMax(): number;
  serverVersion(): string;
  url(): string;
  isClustered(): boolean;
  newInbox(): string;
  publish(subject: string, body: Uint8Array, options: PublishOptions): PublishResult;
  /** Settles also when the connection ends. */
  request(
    subject: string,
    body: Uint8Array,
    options: RequestOptions,
    settle: (result: RequestResult) => void,
  ): void;
  subscribe(subject: string, handle: (message: NatsMessage) => void, queue?: string): Subscription;
  serve(settings: WireService): Promise<{ stop(): Promise<void> }>;
  openBucket: KeyValueClient["views"]["kv"];
  streamInfo: KeyValueClient["streams"]["info"];
  streamMessage: KeyValueClient["streams"]["getMessage"];
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface WireService extends Omit<ServiceSettings, "endpoints"> {
  readonly endpoints: readonly {
    readonly name: string;
    readonly subject: string;
    handle(message: NatsMessage): void;
  }[];
}

interface Subscribed {
  readonly subject: string;
  readonly queue: string | undefined;
  handle(message: NatsMessage, generation: number): void;
  /** On the present connection. */
  current: Subscription | null;
}

interface Served {
  readonly settings: ServiceSettings;
  current: { stop(): Promise<void> } | null;
}

type Dial = () => Promise<Wire>;

const redialMs = { wait: 100, jitter: 50 };
const pause = () => delay(redialMs.wait + Math.random() * redialMs.jitter);

/**
 * The NATS client's own reconnecting is turned off. It sends some of what was published meanwhile;
 * and when a server was frozen, it goes on with several connections at once, mixes up what they
 * say, and loses them in turn for ever.
 */
export class HealingLink implements NatsLink {
  readonly #dial: Dial;
  readonly #observers: LinkObserver[] = [];
  readonly #subscriptions = new Set<Subscribed>();
  readonly #services = new Set<Served>();
  #generation = 1;
  /** The last one, when there is none at present. */
  #wire: Wire;
  #isConnected = false;
  #isClosed = false;

  private constructor(dial: Dial, wire: Wire) {
    this.#dial = dial;
    this.#wire = wire;
    this.#adopt(wire);
  }

  static async open(dial: Dial, waitForServer: boolean): Promise<HealingLink> {
    for (;;) {
      try {
        return new HealingLink(dial, await dial());
      } catch (error) {
        if (!waitForServer) throw error;
        await pause();
      }
    }
  }

  get generation(): number {
    return this.#generation;
  }

  get connected(): boolean {
    return this.#isConnected && this.#wire.isOpen();
  }

  get payloadBytesMax(): number {
    return this.#wire.payloadBytesMax();
  }

  get serverVersion(): string {
    return this.#wire.serverVersion();
  }

  get url(): string {
    return this.#wire.url();
  }

  get clustered(): boolean {
    return this.#wire.isClustered();
  }

  newInbox(): string {
    return this.#wire.newInbox();
  }

  observe(observer: LinkObserver): void {
    this.#observers.push(observer);
  }

  publish(subject: string, body: Uint8Array, options: PublishOptions = {}): PublishResult {
    if (!this.connected) return { ok: false, reason: "disconnected" };
    return this.#wire.publish(subject, body, options);
  }

  request(subject: string, body: Uint8Array, options: RequestOptions = {}): Promise<RequestResult> {
    if (!this.connected) {
      return Promise.resolve({ kind: "disconnected", detail: "there is no connection" });
    }
    return new Promise((resolve) => {
      this.#wire.request(subject, body, options, resolve);
    });
  }

  subscribe(
    subject: string,
    handle: (message: NatsMessage, generation: number) => void,
    options: { queue?: string } = {},
  ): Subscription {
    const subscribed: Subscribed = { subject, queue: options.queue, handle, current: null };
    this.#subscriptions.add(subscribed);
    if (this.connected) this.#subscribe(subscribed);
    return {
      close: () => {
        this.#subscriptions.delete(subscribed);
        subscribed.current?.close();
      },
    };
  }

  async serve(settings: ServiceSettings): Promise<{ stop(): Promise<void> }> {
    const served: Served = { settings, current: null };
    this.#services.add(served);
    if (this.connected) {
      const wire = this.#wire;
      await this.#serve(served);
      // The server has heard of the endpoints when it answers; the next one is told of them anew.
      await Promise.race([Promise.allSettled([wire.flush()]), wire.ended]);
    }
    return {
      stop: async () => {
        this.#services.delete(served);
        if (this.connected) await served.current?.stop();
      },
    };
  }

  keyValueClient(): KeyValueClient {
    return {
      views: {
        kv: async (name, options) => {
          const bucket = bucketOf(() => this.#present(), name, options);
          await bucket();
          return {
            get: async (key) => (await bucket()).get(key),
            create: async (key, value) => (await bucket()).create(key, value),
            update: async (key, value, revision) => (await bucket()).update(key, value, revision),
            delete: async (key, condition) => (await bucket()).delete(key, condition),
          };
        },
      },
      streams: {
        info: async (stream, options) => this.#present().streamInfo(stream, options),
        getMessage: async (stream, query) => this.#present().streamMessage(stream, query),
        connection: () => this.#generation,
      },
    };
  }

  async flush(): Promise<void> {
    await this.#present().flush();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#wire.close();
  }

  #present(): Wire {
    if (this.connected) return this.#wire;
    throw new Error("there is no connection to NATS");
  }

  #adopt(wire: Wire): void {
    this.#wire = wire;
    this.#isConnected = true;
    for (const subscribed of this.#subscriptions) this.#subscribe(subscribed);
    for (const served of this.#services) void this.#serve(served);
    void wire.ended.then(() => this.#onEnd());
  }

  /** A message is known by the connection that it came on, however late it is heard. */
  #subscribe(subscribed: Subscribed): void {
    const { subject, queue, handle } = subscribed;
    const generation = this.#generation;
    const hear = (message: NatsMessage) => handle(message, generation);
    subscribed.current = this.#wire.subscribe(subject, hear, queue);
  }

  async #serve(served: Served): Promise<void> {
    const generation = this.#generation;
    const endpoints = served.settings.endpoints.map((endpoint) => ({
      ...endpoint,
      handle: (message: NatsMessage) => endpoint.handle(message, generation),
    }));
    served.current = await this.#wire.serve({ ...served.settings, endpoints });
  }

  #onEnd(): void {
    this.#isConnected = false;
    this.#generation += 1;
    for (const observer of this.#observers) observer.disconnected?.();
    void this.#redial();
  }

  async #redial(): Promise<void> {
    while (!this.#isClosed) {
      try {
        const wire = await this.#dial();
        if (this.#isClosed) return void wire.close();
        this.#adopt(wire);
        for (const observer of this.#observers) observer.reconnected?.();
        return;
      } catch (error) {
        for (const observer of this.#observers) observer.failed?.(error as Error);
        await pause();
      }
    }
  }
}

/** The same bucket on whatever connection there is. */
function bucketOf(
  present: () => Wire,
  ...how: Parameters<Wire["openBucket"]>
): () => Promise<KeyValueBucket> {
  const buckets = new WeakMap<Wire, Promise<KeyValueBucket>>();
  return () => {
    const wire = present();
    const bucket = buckets.get(wire) ?? wire.openBucket(...how);
    buckets.set(wire, bucket);
    // One that could not be opened is opened again by the next call.
    bucket.catch(() => buckets.delete(wire));
    return bucket;
  };
}
