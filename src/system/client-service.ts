// The edge for clients: a NATS micro service whose requests the proxy answers.
import { timeoutMsMax } from "../contract/arguments.js";
import { clientError } from "../contract/errors.js";
import { encodeError, errorHeaders } from "../contract/replies.js";
import type { ClientError, ClientReply, ClientRequest } from "./client-request.js";
import type { NatsLink, NatsMessage } from "./nats.js";
import type { Quota } from "./quota.js";

export interface ClientServiceSettings {
  readonly version: string;
  readonly newId: () => string;
  /** False when nobody takes it. */
  readonly take: (request: ClientRequest) => boolean;
  readonly quota: Quota;
}

const root = "elanus.v1";
const contentTypes: ReadonlyMap<string, ClientRequest["contentType"]> = new Map([
  ["application/json", "json"],
  ["text/json", "json"],
  ["application/msgpack", "msgpack"],
  ["application/x-msgpack", "msgpack"],
  ["application/vnd.msgpack", "msgpack"],
]);
const mediaTypes = { json: "application/json", msgpack: "application/msgpack" } as const;

/** Beyond these a client gets 'overloaded' at once, before its body is looked at. */
const inFlightMax = 4_096;
const inFlightBytesMax = 256 * 1024 * 1024;
/** No client waits for longer; what nobody answered by then is forgotten. */
const forgetAfterMs = timeoutMsMax + 10_000;
const sweepEveryMs = 5_000;
const pollMs = 10;

interface InFlight {
  readonly replyTo: string;
  readonly contentType: ClientRequest["contentType"];
  readonly bytes: number;
  readonly sinceMs: number;
}

export class ClientService {
  readonly #link: NatsLink;
  readonly #settings: ClientServiceSettings;
  readonly #inFlight = new Map<string, InFlight>();
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;
  #service: { stop(): Promise<void> } | null = null;

  private constructor(link: NatsLink, settings: ClientServiceSettings) {
    this.#link = link;
    this.#settings = settings;
    this.#timer = setInterval(() => this.#forgetOld(), sweepEveryMs);
  }

  static async start(link: NatsLink, settings: ClientServiceSettings): Promise<ClientService> {
    const service = new ClientService(link, settings);
    const handle = (message: NatsMessage, connection: number) =>
      service.#onRequest(message, connection);
    service.#service = await link.serve({
      name: "elanus",
      version: settings.version,
      description: "Elanus, a vector database",
      queue: "elanus",
      endpoints: [
        { name: "database", subject: `${root}.*.*`, handle },
        { name: "collection", subject: `${root}.*.*.*`, handle },
      ],
    });
    return service;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  respond(id: string, reply: ClientReply): void {
    const request = this.#inFlight.get(id);
    if (request === undefined) return;
    this.#forget(id, request);
    const headers = {
      "Content-Type": mediaTypes[reply.contentType],
      ...(reply.ok ? {} : errorHeaders(reply.error)),
    };
    const sent = this.#link.publish(request.replyTo, reply.body, { headers });
    if (sent.ok || sent.reason === "disconnected") return;
    const bytes = `${reply.body.length} bytes, and the server takes ${this.#link.payloadBytesMax}`;
    const hint = "ask for fewer rows or fewer output fields at a time";
    const error = clientError("payload-too-large", `the answer has ${bytes}`, hint);
    this.#refuse(request.replyTo, request.contentType, error, id);
  }

  /** The proxy that had these has ended: its clients need not wait for their deadline. */
  abandon(): void {
    const error = clientError("unavailable", "the proxy was restarted", "retry");
    for (const [id, request] of [...this.#inFlight]) {
      this.#forget(id, request);
      this.#refuse(request.replyTo, request.contentType, error, id);
    }
  }

  /** Takes no more; resolves when all that was taken is answered, or the time is over. */
  async drain(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    await this.#stopService(timeoutMs);
    while (this.#inFlight.size > 0 && performance.now() < until) await wait(pollMs);
    clearInterval(this.#timer);
  }

  /** Without a connection the server cannot be told, and the client's own promise stays open. */
  async #stopService(timeoutMs: number): Promise<void> {
    const stopped = this.#service?.stop() ?? Promise.resolve();
    await Promise.race([stopped, wait(timeoutMs)]);
  }

  #onRequest(message: NatsMessage, connection: number): void {
    const { reply: replyTo, subject, body } = message;
    // Nobody waits for an answer, so nobody would learn what came of it.
    if (replyTo === undefined) return;
    const id = this.#settings.newId();
    const contentType = contentTypeOf(message);
    if (contentType === null) {
      const given = message.header("Content-Type");
      const hint = "use application/json or application/msgpack";
      const error = clientError("malformed-body", `'${given}' is no content type here`, hint);
      return this.#refuse(replyTo, "json", error, id);
    }
    if (this.#inFlight.size >= inFlightMax || this.#bytes + body.length > inFlightBytesMax) {
      const error = clientError("overloaded", "too many requests are in flight", "retry, later");
      return this.#refuse(replyTo, contentType, error, id);
    }
    const tokens = subject.slice(root.length + 1).split(".");
    const refusal = this.#overQuota(tokens[0] ?? "", body.length);
    if (refusal !== null) return this.#refuse(replyTo, contentType, refusal, id);
    const bytes = body.length;
    this.#inFlight.set(id, { replyTo, contentType, bytes, sinceMs: performance.now() });
    this.#bytes += bytes;
    const isTaken = this.#settings.take({ id, subject: tokens, contentType, body, connection });
    if (isTaken) return;
    this.#forget(id, { replyTo, contentType, bytes, sinceMs: 0 });
    const error = clientError("unavailable", "this proxy is starting or stopping", "retry");
    this.#refuse(replyTo, contentType, error, id);
  }

  /** The operator's own requests are never refused for it. */
  #overQuota(database: string, bytes: number): ClientError | null {
    if (database === "sys") return null;
    const admitted = this.#settings.quota.admit(database, bytes, Date.now());
    if (admitted.ok) return null;
    const text = `the database '${database}' has used its ${admitted.spent} of this second`;
    return clientError("overloaded", text, "retry, later; the operator sets the quota of hosts");
  }

  #refuse(
    replyTo: string,
    contentType: ClientRequest["contentType"],
    error: ClientError,
    id: string,
  ): void {
    const body = encodeError(contentType, error, id);
    const headers = { "Content-Type": mediaTypes[contentType], ...errorHeaders(error) };
    this.#link.publish(replyTo, body, { headers });
  }

  #forget(id: string, request: InFlight): void {
    this.#inFlight.delete(id);
    this.#bytes -= request.bytes;
  }

  #forgetOld(): void {
    const now = performance.now();
    for (const [id, request] of [...this.#inFlight]) {
      if (now - request.sinceMs > forgetAfterMs) this.#forget(id, request);
    }
  }
}

/** Null for one that we do not know; JSON when the request says nothing. */
function contentTypeOf(message: NatsMessage): ClientRequest["contentType"] | null {
  const given = message.header("Content-Type");
  if (given === undefined || given === "") return "json";
  const [mediaType = ""] = given.split(";");
  return contentTypes.get(mediaType.trim().toLowerCase()) ?? null;
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
