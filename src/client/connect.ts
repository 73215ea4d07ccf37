// The TypeScript client: NATS request/reply with MessagePack, splitting, retries and typed errors.
import { LRUCache } from "lru-cache";
import { clientError } from "../contract/errors.js";
import { connectNats, type NatsSettings } from "../system/nats.js";
import { type Arguments, type Context, call, checkName } from "./call.js";
import { type Collection, openCollection } from "./collection.js";
import { ElanusError } from "./elanus-error.js";
import { createSession, type RememberedSession } from "./remembered-session.js";
import { createSender, type Reply } from "./request-sender.js";
import type {
  AlterableSettings,
  CallOptions,
  Cluster,
  CollectionDefinition,
  CollectionDescription,
  CollectionReference,
  CollectionSummary,
  Health,
  WriteOptions,
} from "./types.js";

export interface ConnectOptions
  extends Pick<NatsSettings, "user" | "password" | "token" | "credentials" | "tls"> {
  /** One address or several, for instance 'nats://127.0.0.1:4222'. */
  readonly url: string | readonly string[];
  /** 'default' when left out. */
  readonly database?: string;
  /** Shown in the server's list of connections. */
  readonly name?: string;
  /** Of calls that name none: 30 s when left out. */
  readonly timeoutMs?: number;
  /** Whether reads wait for what this client wrote and saw before; they do when left out. */
  readonly rememberSession?: boolean;
}

export interface ElanusClient {
  createCollection(
    definition: CollectionDefinition,
    options?: WriteOptions,
  ): Promise<CollectionReference>;
  listCollections(options?: CallOptions): Promise<readonly CollectionSummary[]>;
  describeCollection(name: string, options?: CallOptions): Promise<CollectionDescription>;
  dropCollection(name: string, options?: WriteOptions): Promise<void>;
  alterCollection(name: string, settings: AlterableSettings, options?: WriteOptions): Promise<void>;
  /** Asks nobody: whether it exists shows in its first call. */
  collection<Row extends object = Record<string, unknown>>(name: string): Collection<Row>;
  health(options?: CallOptions): Promise<Health>;
  cluster(options?: CallOptions): Promise<Cluster>;
  close(): Promise<void>;
}

const timeoutMsDefault = 30_000;
const attemptMsMax = 10_000;
const sessionsMax = 1_000;
const patient = { patient: true };

/** Rejects when there is no server; later on it reconnects by itself, for ever. */
export async function connectElanus(options: ConnectOptions): Promise<ElanusClient> {
  const { url, database = "default", name = "elanus-client", rememberSession = true } = options;
  checkName("database", database);
  const link = await connectNats({ ...options, servers: url, name, waitForServer: false }).catch(
    (cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const error = clientError("unavailable", `cannot connect to NATS: ${reason}`);
      throw new ElanusError({ ...error, requestId: "", cause });
    },
  );
  let payloadBytesMax = link.payloadBytesMax;
  const context: Context = {
    send: createSender(link),
    database,
    timeoutMs: options.timeoutMs ?? timeoutMsDefault,
    attemptMs: attemptMsMax,
    rememberSession,
    payloadBytesMax: () => {
      // Nothing is known of it while there is no connection.
      payloadBytesMax = link.payloadBytesMax || payloadBytesMax;
      return payloadBytesMax;
    },
  };
  return clientOf(context, () => link.close());
}

function clientOf(context: Context, close: () => Promise<void>): ElanusClient {
  const sessions = new LRUCache<string, RememberedSession>({ max: sessionsMax });
  const sessionOf = (name: string) => {
    const session = sessions.get(name) ?? createSession();
    sessions.set(name, session);
    return session;
  };
  const ofDatabase = (operation: string, given: Arguments, options: WriteOptions = {}) =>
    call(context, `${context.database}.${operation}`, given, options, patient);
  const ofSystem = (operation: string, options: CallOptions = {}) =>
    call(context, `sys.${operation}`, {}, options);
  return {
    async createCollection(definition, options) {
      const reply = await ofDatabase("create-collection", { ...definition }, options);
      return reply.collection as CollectionReference;
    },
    async listCollections(options) {
      const reply = await ofDatabase("list-collections", {}, options);
      return reply.collections as readonly CollectionSummary[];
    },
    async describeCollection(name, options) {
      return as<CollectionDescription>(await ofDatabase("describe-collection", { name }, options));
    },
    async dropCollection(name, options) {
      await ofDatabase("drop-collection", { name }, options);
      sessions.get(name)?.forget();
    },
    async alterCollection(name, settings, options) {
      await ofDatabase("alter-collection", { name, ...settings }, options);
    },
    collection(name) {
      checkName("collection", name);
      return openCollection(context, name, sessionOf(name));
    },
    health: async (options) => as<Health>(await ofSystem("health", options)),
    cluster: async (options) => as<Cluster>(await ofSystem("cluster", options)),
    close,
  };
}

/** The contract says what a reply holds; the server is trusted to keep it. */
function as<Result>(reply: Reply): Result {
  return reply as unknown as Result;
}
