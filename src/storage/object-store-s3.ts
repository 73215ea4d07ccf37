// Objects in a bucket of S3, or of anything that speaks it, which any number of hosts share.
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import {
  assertObjectKey,
  assertObjectPrefix,
  isObjectKey,
  type ObjectStore,
  objectDiffers,
} from "./object-store.js";
import { type Deadline, type Patience, PatientCalls } from "./patient-calls.js";
import { sha256InTurns } from "./sha256.js";

/** Credentials come from the usual places of AWS: its environment variables first. */
export interface S3Location {
  readonly bucket: string;
  /** Without slashes at its ends; empty: the whole bucket is ours. */
  readonly prefix: string;
  readonly region: string;
  /** Null: that of AWS in this region. */
  readonly endpoint: string | null;
}

const socketsMax = 64;
const connectMs = 3_000;
/** A page has to be made within the deadline of a call. */
const keysPerPage = 500;
const patienceDefault: Patience = {
  attempts: 4,
  callMs: 10_000,
  // A link too slow for 2 MiB/s is taken for a dead one.
  bytesPerMs: 2_097,
  backoffMs: { first: 100, max: 2_000 },
};

/** What an object says of itself: without it, or where it does not fit, the object is torn. */
type Stored = { readonly sha256: string | undefined; readonly isWhole: boolean };

/** Does not contact the store: what is away at the start may come back. */
export function openS3ObjectStore(
  location: S3Location,
  patience: Patience = patienceDefault,
): ObjectStore & { close(): void } {
  return new S3ObjectStore(location, patience);
}

class S3ObjectStore implements ObjectStore {
  readonly #client: S3Client;
  readonly #calls: PatientCalls;
  readonly #bucket: string;
  readonly #root: string;
  /** By key, the last one that writes it: writers of one key in a process take turns. */
  readonly #writing = new Map<string, Promise<void>>();

  constructor({ bucket, prefix, region, endpoint }: S3Location, patience: Patience) {
    const agent = { keepAlive: true, maxSockets: socketsMax };
    this.#client = new S3Client({
      region,
      ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
      // Checksums in trailers are refused by many a store; the signature covers the body's hash.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      maxAttempts: 1,
      requestHandler: { connectionTimeout: connectMs, httpAgent: agent, httpsAgent: agent },
    });
    this.#calls = new PatientCalls(patience, { isPassing, describe });
    this.#bucket = bucket;
    this.#root = prefix === "" ? "" : `${prefix}/`;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    assertObjectKey(key);
    const before = this.#writing.get(key) ?? Promise.resolve();
    const writing = before.then(
      () => this.#write(key, bytes),
      () => this.#write(key, bytes),
    );
    this.#writing.set(key, writing);
    try {
      await writing;
    } finally {
      if (this.#writing.get(key) === writing) this.#writing.delete(key);
    }
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    assertObjectKey(key);
    return this.#calls.run(`get '${key}'`, 0, async (deadline) => {
      const command = new GetObjectCommand(this.#place(key));
      try {
        const { Body, ContentLength } = await this.#client.send(command, within(deadline));
        deadline.extendFor(ContentLength ?? 0);
        const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array(0);
        if (ContentLength === undefined || bytes.length === ContentLength) return bytes;
        throw new Error(`${bytes.length} of ${ContentLength} bytes arrived`);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async delete(key: string): Promise<void> {
    assertObjectKey(key);
    await this.#calls.run(`delete '${key}'`, 0, async (deadline) => {
      try {
        await this.#client.send(new DeleteObjectCommand(this.#place(key)), within(deadline));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
  }

  async list(prefix: string): Promise<readonly string[]> {
    assertObjectPrefix(prefix);
    const keys: string[] = [];
    let marker: string | undefined = "";
    while (marker !== undefined) {
      const page = await this.#page(prefix, marker);
      keys.push(...page.keys.map((key) => key.slice(this.#root.length)));
      marker = page.next;
    }
    // What others put beside ours, such as the folders of a console, is none of our objects.
    return keys.filter(isObjectKey).sort();
  }

  /** By markers, which are keys: some stores cannot read their own continuation tokens. */
  #page(prefix: string, marker: string): Promise<{ keys: string[]; next: string | undefined }> {
    return this.#calls.run(`list '${prefix}'`, 0, async (deadline) => {
      const from = marker === "" ? {} : { Marker: marker };
      const range = { Bucket: this.#bucket, Prefix: this.#root + prefix, MaxKeys: keysPerPage };
      const command = new ListObjectsCommand({ ...range, ...from });
      const { Contents = [], IsTruncated } = await this.#client.send(command, within(deadline));
      const keys = Contents.flatMap(({ Key }) => Key ?? []);
      const last = keys.at(-1);
      if (IsTruncated !== true) return { keys, next: undefined };
      if (last !== undefined && last > marker) return { keys, next: last };
      throw new Error(`the list does not go on behind '${marker}'`);
    });
  }

  close(): void {
    this.#client.destroy();
  }

  /**
   * There is no conditional write that all stores know. Two writers never mean one key by its
   * making (epoch or attempt, and hash), so a look before is enough to find a broken invariant.
   * An object that is not whole is what an interrupted write left: ours takes its place.
   */
  async #write(key: string, bytes: Uint8Array): Promise<void> {
    const sha256 = await sha256InTurns(bytes);
    const present = await this.#look(key);
    if (present?.isWhole && present.sha256 === sha256) return;
    if (present?.isWhole) throw objectDiffers(key);
    await this.#calls.run(`put '${key}'`, bytes.length, async (deadline) => {
      await this.#client.send(this.#putCommand(key, bytes, sha256), within(deadline));
      // Some stores answer before the last bytes can be read.
      const stored = await this.#lookOnce(key, deadline);
      if (!stored?.isWhole) throw new Error("the object is not whole after it was written");
    });
  }

  #putCommand(key: string, bytes: Uint8Array, sha256: string): PutObjectCommand {
    const command = new PutObjectCommand({
      ...this.#place(key),
      Body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      ContentLength: bytes.length,
      Metadata: { sha256, bytes: String(bytes.length) },
    });
    // The signature takes it from here, instead of hashing a large body in one go.
    command.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { headers: Record<string, string> };
        request.headers["x-amz-content-sha256"] = sha256;
        return next(args);
      },
      { step: "build" },
    );
    return command;
  }

  #look(key: string): Promise<Stored | undefined> {
    return this.#calls.run(`look at '${key}'`, 0, (deadline) => this.#lookOnce(key, deadline));
  }

  async #lookOnce(key: string, deadline: Deadline): Promise<Stored | undefined> {
    try {
      const head = await this.#client.send(
        new HeadObjectCommand(this.#place(key)),
        within(deadline),
      );
      const { sha256, bytes } = head.Metadata ?? {};
      return { sha256, isWhole: sha256 !== undefined && Number(bytes) === head.ContentLength };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  #place(key: string) {
    return { Bucket: this.#bucket, Key: this.#root + key };
  }
}

function within({ signal }: Deadline): { abortSignal: AbortSignal } {
  return { abortSignal: signal };
}

/** A missing bucket is not a missing object: nothing can be said about what was in it. */
function isMissing(error: unknown): boolean {
  if (!(error instanceof S3ServiceException)) return false;
  return error.$metadata.httpStatusCode === 404 && error.name !== "NoSuchBucket";
}

const passingClientErrors: readonly number[] = [408, 409, 425, 429];

/** What the store refuses it will refuse again: an operator has to look at it. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof S3ServiceException)) return !isWithoutCredentials(error);
  const status = error.$metadata.httpStatusCode ?? 500;
  return status >= 500 || passingClientErrors.includes(status) || error.name === "RequestTimeout";
}

function isWithoutCredentials(error: unknown): boolean {
  return error instanceof Error && error.name === "CredentialsProviderError";
}

function describe(error: unknown): string {
  if (error instanceof S3ServiceException) {
    const { httpStatusCode: status = "no status" } = error.$metadata;
    return `${error.name} (${status}): ${error.message}`;
  }
  // Of an error of several addresses the text is empty.
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return (error instanceof Error ? error.message : String(error)) || code || "no answer";
}
