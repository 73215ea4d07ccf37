// Requests of one connection: each settles once, by its reply or by what stands in for one.
import { describe, expect, it } from "vitest";
import type { NatsMessage, RequestResult } from "../../src/system/nats-link.js";
import { type Refusal, RequestMux } from "../../src/system/request-mux.js";

/** A server that a test plays: what was subscribed, and what its status tells. */
function createServer() {
  const heard: { subject: string; handle: (message: NatsMessage) => void }[] = [];
  const refused: Refusal[] = [];
  let wake: (() => void) | undefined;
  async function* refusals(): AsyncGenerator<Refusal> {
    for (;;) {
      while (refused.length > 0) yield refused.shift() as Refusal;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return {
    connection: {
      subscribe: (subject: string, handle: (message: NatsMessage) => void) => {
        heard.push({ subject, handle });
      },
      refusals,
    },
    heard,
    reply: (subject: string, body: string, status = 0) =>
      heard[0]?.handle({
        subject,
        reply: undefined,
        body: Buffer.from(body),
        status,
        description: "",
        header: () => undefined,
      }),
    refuse: (operation: string, subject: string) => {
      refused.push({ operation, subject });
      wake?.();
    },
  };
}

function open() {
  const server = createServer();
  const mux = new RequestMux(server.connection, "_INBOX.one");
  const ask = (subject: string, timeoutMs = 10_000) => {
    const settled: RequestResult[] = [];
    let replyTo = "";
    const result = new Promise<RequestResult>((resolve) => {
      const settle = (value: RequestResult) => {
        settled.push(value);
        resolve(value);
      };
      const send = (to: string) => {
        replyTo = to;
      };
      mux.request({ subject, timeoutMs }, send, settle);
    });
    return { result, settled, replyTo };
  };
  return { server, mux, ask };
}

describe("requests over one subscription", () => {
  it("get the reply that names them, whatever the order, and only the first", async () => {
    const { server, ask } = open();
    const [first, second] = [ask("a"), ask("b")];
    expect(server.heard.map(({ subject }) => subject)).toEqual(["_INBOX.one.*"]);
    expect(second.replyTo).not.toBe(first.replyTo);
    server.reply(second.replyTo, "two");
    server.reply(first.replyTo, "one");
    server.reply(first.replyTo, "again");
    server.reply("_INBOX.one.unknown", "nobody's");
    const bodies = [first, second].map(async ({ result }) => {
      const given = await result;
      return given.kind === "ok" ? Buffer.from(given.message.body).toString() : given.kind;
    });
    expect(await Promise.all(bodies)).toEqual(["one", "two"]);
    expect(first.settled).toHaveLength(1);
  });

  it("tell an empty 503, by which the server says that nobody listens, from a reply", async () => {
    const { server, ask } = open();
    const [unheard, failed] = [ask("a"), ask("b")];
    server.reply(unheard.replyTo, "", 503);
    server.reply(failed.replyTo, "why", 503);
    expect(await unheard.result).toEqual({ kind: "no-responders", detail: "a" });
    expect(await failed.result).toMatchObject({ kind: "ok" });
  });

  it("end with their time, and with the connection", async () => {
    const { server, mux, ask } = open();
    const late = ask("a", 5);
    expect(await late.result).toEqual({ kind: "timeout", detail: "a" });
    server.reply(late.replyTo, "too late");
    const cut = ask("b");
    mux.end();
    expect(await cut.result).toMatchObject({ kind: "disconnected" });
    expect([...late.settled, ...cut.settled]).toHaveLength(2);
  });

  it("are told of a permission that they lack, to send or to listen", async () => {
    const { server, ask } = open();
    const [refused, other] = [ask("a"), ask("b")];
    server.refuse("subscription", "b");
    server.refuse("publish", "a");
    expect(await refused.result).toMatchObject({ kind: "refused" });
    expect(other.settled).toEqual([]);
    server.refuse("subscription", "_INBOX.one.*");
    expect(await other.result).toMatchObject({ kind: "refused" });
  });

  it("listen anew after their inbox was refused", async () => {
    const { server, ask } = open();
    const first = ask("a");
    server.refuse("subscription", "_INBOX.one.*");
    expect(await first.result).toMatchObject({ kind: "refused" });
    const second = ask("a");
    expect(server.heard).toHaveLength(2);
    server.refuse("subscription", "_INBOX.one.*");
    expect(await second.result).toMatchObject({ kind: "refused" });
  });

  it("leave nothing behind when they could not be sent", () => {
    const { mux } = open();
    const settled: RequestResult[] = [];
    const send = () => {
      throw new Error("too large");
    };
    const request = () =>
      mux.request({ subject: "a", timeoutMs: 10 }, send, (result) => settled.push(result));
    expect(request).toThrow("too large");
    mux.end();
    expect(settled).toEqual([]);
  });
});
