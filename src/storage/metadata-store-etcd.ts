// Metadata in etcd: one transaction a write, compared by the key's revision; its only importer.
// No watch, lock, election or lease of etcd is used: the client's watches lose events, and etcd 3.4
// revoked leases whose holders lived. Lists are the truth; who lives is judged by each reader's own
// clock. A lease on sessions would bring deaths by the server's clock besides, all at once after an
// outage; what dead hosts leave behind is swept by the coordinator anyway.
import { handleWhen, noop, retry } from "cockatiel";
import {
  Etcd3,
  type IKeyValue,
  type IOptions,
  type IRequestOp,
  type IResponseHeader,
  isRecoverableError,
} from "etcd3";
import { UnavailableError } from "./errors.js";
import {
  assertMetadataKey,
  assertMetadataPrefix,
  assertMetadataValue,
  assertRevision,
  conflict,
  type MetadataRecord,
  type MetadataStore,
  outcomeOfDelete,
  outcomeOfWrite,
  type StoredValue,
  type WriteOutcome,
} from "./metadata-store.js";

export interface EtcdSettings {
  /** `http://` or `https://`, all members of one cluster. */
  readonly endpoints: readonly string[];
  /** Several clusters of Elanus may share an etcd: their keys begin with `elanus/<cluster>/`. */
  readonly cluster: string;
  readonly user?: { readonly name: string; readonly password: string };
  /** In PEM; what the system trusts when absent. */
  readonly rootCertificate?: Buffer;
  /** Of each attempt at one endpoint. */
  readonly deadlineMs?: number;
}

export interface EtcdMetadataStore extends MetadataStore {
  close(): void;
}

const deadlineMsDefault = 2_000;
/** Of a list; a page of records of the largest size still fits into an answer. */
const pageRecords = 100;
const answerBytesMax = 96 * 1024 ** 2;

/**
 * The client's own policies are off: its circuit breaker refuses calls for five seconds after three
 * failures. Connections are tried again within half a second.
 */
function clientOf(settings: EtcdSettings): Etcd3 {
  const { endpoints, user, rootCertificate, deadlineMs = deadlineMsDefault } = settings;
  // Each of its attempts goes to another endpoint, at once.
  const others = retry(handleWhen(isRecoverableError), { maxAttempts: endpoints.length - 1 });
  const options: IOptions = {
    hosts: [...endpoints],
    faultHandling: { host: () => noop, global: endpoints.length > 1 ? others : noop },
    defaultCallOptions: () => ({ deadline: Date.now() + deadlineMs }),
    grpcOptions: {
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.min_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 500,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_receive_message_length": answerBytesMax,
    },
    ...(user === undefined ? {} : { auth: { username: user.name, password: user.password } }),
    ...(rootCertificate === undefined ? {} : { credentials: { rootCertificate } }),
  };
  return new Etcd3(options);
}

/** Connects with the first call. `replaced` is told, once, that this is not the etcd it was. */
export function etcdMetadataStore(
  settings: EtcdSettings,
  replaced: (why: string) => void,
): EtcdMetadataStore {
  const calls = new EtcdCalls(settings, replaced);
  const start = `elanus/${settings.cluster}/`;
  const bufferOf = (key: string) => Buffer.from(start + key);
  const read = async (key: string): Promise<StoredValue | undefined> => {
    const { kvs } = await calls.run(`get '${key}'`, ({ kv }) => kv.range({ key: bufferOf(key) }));
    return storedOf(kvs);
  };
  /** What the key holds in place of what was expected comes with the refusal. */
  const write = async (
    key: string,
    expected: number,
    request: IRequestOp,
    settle: (stored: StoredValue | undefined) => WriteOutcome | undefined,
  ): Promise<WriteOutcome> => {
    const transaction = {
      compare: [compared(bufferOf(key), expected)],
      success: [request],
      failure: [{ request_range: { key: bufferOf(key) } }],
    };
    try {
      const answer = await calls.run(`write '${key}'`, ({ kv }) => kv.txn(transaction));
      if (answer.succeeded) return { ok: true, revision: Number(answer.header.revision) };
      return settle(storedOf(answer.responses[0]?.response_range.kvs ?? [])) ?? conflict;
    } catch (error) {
      const outcome = settle(await read(key));
      if (outcome === undefined) throw error;
      return outcome;
    }
  };
  const put = (key: string, value: Uint8Array, expected: number) => {
    assertMetadataKey(key);
    assertMetadataValue(key, value);
    // A copy: the call may be sent again after its writer has changed the bytes.
    const request = { request_put: { key: bufferOf(key), value: Buffer.from(value) } };
    const bytes = request.request_put.value;
    return write(key, expected, request, (stored) => outcomeOfWrite(stored, bytes, expected));
  };
  return {
    async get(key) {
      assertMetadataKey(key);
      return read(key);
    },
    create: async (key, value) => put(key, value, 0),
    async update(key, value, revision) {
      assertRevision(revision);
      return put(key, value, revision);
    },
    async delete(key, revision) {
      assertMetadataKey(key);
      assertRevision(revision);
      const request = { request_delete_range: { key: bufferOf(key) } };
      const settle = (stored: StoredValue | undefined) => outcomeOfDelete(stored, revision);
      const outcome = await write(key, revision, request, settle);
      return outcome.ok ? { ok: true, revision } : outcome;
    },
    async list(prefix) {
      assertMetadataPrefix(prefix);
      return recordsUnder(calls, start, prefix);
    },
    close: () => calls.close(),
  };
}

/** A key that is not there has the revision 0. */
function compared(key: Buffer, revision: number) {
  return { key, target: "Mod", result: "Equal", mod_revision: revision } as const;
}

function storedOf(kvs: readonly IKeyValue[]): StoredValue | undefined {
  const [kv] = kvs;
  if (kv === undefined) return undefined;
  return { value: new Uint8Array(kv.value), revision: Number(kv.mod_revision) };
}

async function recordsUnder(
  calls: EtcdCalls,
  start: string,
  prefix: string,
): Promise<MetadataRecord[]> {
  const first = Buffer.from(start + prefix);
  const records: MetadataRecord[] = [];
  for await (const kv of allIn(calls, `list '${prefix}'`, { start: first, end: endOf(first) })) {
    const key = kv.key.subarray(start.length).toString("utf8");
    records.push({ key, value: new Uint8Array(kv.value), revision: Number(kv.mod_revision) });
  }
  return records;
}

/** Page by page, ascending: what is there all the while is in it, whoever writes meanwhile. */
async function* allIn(
  calls: EtcdCalls,
  operation: string,
  { start, end }: { start: Buffer; end: Buffer },
): AsyncGenerator<IKeyValue> {
  for (let from = start; ; ) {
    const key = from;
    const range = { key, range_end: end, limit: pageRecords };
    const { kvs, more } = await calls.run(operation, ({ kv }) => kv.range(range));
    yield* kvs;
    const last = kvs.at(-1);
    if (!more || last === undefined) return;
    from = Buffer.concat([last.key, Buffer.of(0)]);
  }
}

/** The first key behind all that begin with this one; our keys are ASCII. */
function endOf(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return end;
}

/** Calls with a deadline each, at one endpoint after another, and the watch over what answers. */
class EtcdCalls {
  readonly #settings: EtcdSettings;
  readonly #replaced: (why: string) => void;
  #client: Etcd3;
  #cluster: string | null = null;
  #revision = 0;
  #problem: string | null = null;

  constructor(settings: EtcdSettings, replaced: (why: string) => void) {
    this.#settings = settings;
    this.#replaced = replaced;
    this.#client = clientOf(settings);
  }

  /** Rejects with an UnavailableError. A write is safe to send twice: it names its revision. */
  async run<Answer extends { header: IResponseHeader }>(
    operation: string,
    call: (client: Etcd3) => Promise<Answer>,
  ): Promise<Answer> {
    if (this.#problem !== null) throw new UnavailableError(operation, this.#problem);
    const revision = this.#revision;
    try {
      const answer = await call(this.#client);
      this.#watch(answer.header, revision);
      return answer;
    } catch (error) {
      throw this.#unavailable(operation, error);
    }
  }

  /**
   * Revisions never go back, so an etcd where they do was restored from a snapshot: what we know is
   * no longer true, and what we acknowledged may be gone. `sentAt`: answers overtake one another.
   */
  #watch({ cluster_id: cluster, revision: text }: IResponseHeader, sentAt: number): void {
    const revision = Number(text);
    const known = this.#cluster ?? cluster;
    if (cluster !== known) {
      this.#stop(`the etcd cluster ${known} has become ${cluster}`);
    } else if (revision < sentAt) {
      this.#stop(`etcd went back from revision ${sentAt} to ${revision}`);
    }
    this.#cluster = known;
    this.#revision = Math.max(this.#revision, revision);
  }

  #stop(what: string): never {
    if (this.#problem === null) {
      const question = "was it restored from an older snapshot?";
      this.#problem = `${what}: ${question} Nothing is written any more`;
      this.#replaced(this.#problem);
    }
    throw new Error(this.#problem);
  }

  #unavailable(operation: string, error: unknown): UnavailableError {
    const text = (error as Error).message;
    // The client keeps a token that roles have outrun, for ever.
    if (text.includes("revision of auth store is old")) {
      this.#client.close();
      this.#client = clientOf(this.#settings);
    }
    if (!text.includes("database space exceeded")) return new UnavailableError(operation, error);
    const hint = "etcd is out of space: compact, defragment, then disarm its alarm";
    return new UnavailableError(operation, new Error(`${hint} (${text})`, { cause: error }));
  }

  close(): void {
    this.#problem ??= "the store is closed";
    this.#client.close();
  }
}

export interface EtcdFindings {
  readonly version: string;
  readonly databaseBytes: number;
  /** Such as `NOSPACE`, after which etcd refuses writes. */
  readonly alarms: readonly string[];
  /** Of one linearizable read. */
  readonly readMs: number;
}

/** For `doctor`; rejects when no endpoint answers. */
export async function inspectEtcd(settings: EtcdSettings): Promise<EtcdFindings> {
  const client = clientOf(settings);
  try {
    const { version, dbSize } = await client.maintenance.status();
    const { alarms } = await client.maintenance.alarm({ action: "Get" });
    const startedAtMs = performance.now();
    await client.kv.range({ key: Buffer.from(`elanus/${settings.cluster}/`) });
    return {
      version,
      databaseBytes: Number(dbSize),
      alarms: alarms.map(({ alarm }) => String(alarm).toUpperCase()),
      readMs: performance.now() - startedAtMs,
    };
  } finally {
    client.close();
  }
}
