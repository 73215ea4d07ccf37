// Where clients meet proxies: requests go to any that listens, answers come back or are lost.
import type { ClientReply } from "../system/client-request.js";
import type { Host } from "./host.js";
import type { World } from "./world.js";

export interface Answer {
  readonly ok: boolean;
  /** The error's word and whether a retry may help; null when it is no error. */
  readonly error: { code: string; status: number; retryable: boolean } | null;
  readonly body: Record<string, unknown>;
}

/** Null: nothing came in time. */
export type OnAnswer = (answer: Answer | null) => void;

/** A client waits a little longer than it allows the proxy. */
const patienceMs = 500;

export class Gateway {
  readonly #world: World;
  readonly #waiting = new Map<string, OnAnswer>();

  constructor(world: World) {
    this.#world = world;
    world.auditor.respond = (host, request, reply) => this.#respond(host, request, reply);
  }

  request(
    subject: readonly string[],
    body: Readonly<Record<string, unknown>>,
    timeoutMs: number,
    onAnswer: OnAnswer,
  ): void {
    const world = this.#world;
    const id = world.uniqueName("r");
    this.#waiting.set(id, onAnswer);
    world.after(timeoutMs + patienceMs, () => this.#settle(id, null));
    const proxies = world.hosts.filter(({ link, roles }) => link.alive && roles.includes("proxy"));
    if (proxies.length === 0 || !world.broker.isUp) {
      world.after(50, () => this.#settle(id, null));
      return;
    }
    const host = world.random.pick(proxies);
    const bytes = Buffer.from(JSON.stringify({ ...body, timeoutMs }));
    host.receive(world.delay(), () => {
      const { generation: connection } = host.link;
      const request = { id, subject, contentType: "json" as const, body: bytes, connection };
      host.actors.get("proxy")?.tell({ kind: "ClientRequested", request });
    });
  }

  #respond(host: Host, request: string, reply: ClientReply): void {
    const world = this.#world;
    if (!host.link.connected) return;
    host.send(world.delay(), () => {
      if (world.strikes("replyLost")) return;
      const body = JSON.parse(Buffer.from(reply.body).toString("utf8")) as Record<string, unknown>;
      const error = reply.ok ? null : reply.error;
      world.after(world.delay(), () => this.#settle(request, { ok: reply.ok, error, body }));
    });
  }

  #settle(id: string, answer: Answer | null): void {
    const onAnswer = this.#waiting.get(id);
    if (onAnswer === undefined) return;
    this.#waiting.delete(id);
    onAnswer(answer);
  }
}
