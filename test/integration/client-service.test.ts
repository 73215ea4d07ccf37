// The micro service in front of a tiny actor: answers, typed errors, content types, its own limits.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { clientError } from "../../src/contract/errors.js";
import { encodeError, encodeReply } from "../../src/contract/replies.js";
import type { Effect, Outcome } from "../../src/system/actor.js";
import type { ClientRequest } from "../../src/system/client-request.js";
import { ClientService } from "../../src/system/client-service.js";
import type { NatsLink } from "../../src/system/nats.js";
import { Quota } from "../../src/system/quota.js";
import { type NatsHarness, startHarness, waitUntil } from "./nats-harness.js";
import { runScripted, type TestHost, testHost } from "./test-actor.js";

let harness: NatsHarness;
let host: TestHost;
let client: NatsLink;
let service: ClientService;

/** Echoes the subject, refuses `fail`, never answers `silence`, and breaks at `crash`. */
function react(outcome: Outcome): readonly Effect[] {
  if (outcome.kind !== "ClientRequested") return [];
  const { request } = outcome;
  const operation = request.subject.at(-1);
  if (operation === "silence") return [];
  if (operation === "crash") throw new Error("on purpose");
  if (operation === "fail") return [respondWithError(request)];
  const size = operation === "large" ? 9 * 1024 * 1024 : 0;
  const value = { subject: request.subject, got: request.body.length, filler: "x".repeat(size) };
  const body = encodeReply(request.contentType, value);
  const { id, contentType } = request;
  return [{ kind: "respond", request: id, reply: { ok: true, body, contentType } }];
}

function respondWithError({ id, contentType }: ClientRequest): Effect {
  const error = clientError("invalid-filter", "no such field: ä", "look at the schema");
  const body = encodeError(contentType, error, "r1");
  return { kind: "respond", request: id, reply: { ok: false, error, body, contentType } };
}

beforeEach(async () => {
  harness = await startHarness();
  host = await testHost(harness, "service-test");
  client = await harness.connect("client");
  const actor = runScripted(host, react);
  service = await ClientService.start(host.ports.bus.link, {
    version: "1.2.3",
    newId: host.ports.newId,
    quota: new Quota({ requests: null, bytes: null }, null),
    take: (request) => actor.runner.tell({ kind: "ClientRequested", request }),
  });
  host.respond = (request, reply) => service.respond(request, reply);
});
afterEach(async () => {
  host.ports.bus.close();
  await harness.close();
});

async function ask(subject: string, body: string | Uint8Array = "{}", contentType?: string) {
  const headers = contentType === undefined ? {} : { "Content-Type": contentType };
  const result = await client.request(subject, Buffer.from(body), { headers, timeoutMs: 3_000 });
  if (result.kind !== "ok") return { kind: result.kind, code: undefined, body: undefined };
  const { message } = result;
  return {
    kind: "ok",
    code: message.header("Nats-Service-Error-Code"),
    error: message.header("Nats-Service-Error"),
    contentType: message.header("Content-Type"),
    body: message.body,
  };
}

const jsonOf = (body: Uint8Array | undefined) => JSON.parse(Buffer.from(body ?? []).toString());

describe("client service", () => {
  it("takes requests of databases, collections and the system", async () => {
    for (const subject of ["default.list-collections", "default.docs.search", "sys.health"]) {
      const reply = await ask(`elanus.v1.${subject}`);
      expect(reply).toMatchObject({ kind: "ok", contentType: "application/json" });
      expect(jsonOf(reply.body).subject).toEqual(subject.split("."));
    }
    expect((await ask("elanus.v1.default")).kind).toBe("no-responders");
    const packed = await ask("elanus.v1.default.docs.search", "{}", "application/msgpack");
    expect(packed.contentType).toBe("application/msgpack");
    expect(service.inFlight).toBe(0);
  });

  it("gives a typed error in headers and body", async () => {
    const reply = await ask("elanus.v1.default.docs.fail");
    expect(reply.code).toBe("400");
    expect(reply.error).toBe("invalid-filter: no such field: ?");
    expect(jsonOf(reply.body)).toEqual({
      error: {
        ...{ code: "invalid-filter", message: "no such field: ä", hint: "look at the schema" },
        ...{ retryable: false, requestId: "r1" },
      },
    });
  });

  it("refuses a content type that it does not know, and knows the usual ones", async () => {
    const reply = await ask("elanus.v1.default.docs.search", "{}", "text/yaml");
    expect(reply.code).toBe("400");
    expect(jsonOf(reply.body).error).toMatchObject({ code: "malformed-body", retryable: false });
    for (const type of ["application/json; charset=utf-8", "Application/JSON"]) {
      expect((await ask("elanus.v1.default.docs.search", "{}", type)).code).toBe(undefined);
    }
  });

  it("says so when the answer is larger than a message may be", async () => {
    const reply = await ask("elanus.v1.default.docs.large");
    expect(reply.code).toBe("413");
    expect(jsonOf(reply.body).error.code).toBe("payload-too-large");
  });

  it("refuses more than it can hold in flight, and takes more when that is answered", async () => {
    const waiting = Array.from({ length: 4_096 }, () => ask("elanus.v1.default.docs.silence"));
    await waitUntil("a full house", () => service.inFlight === 4_096);
    const reply = await ask("elanus.v1.default.docs.search");
    expect(reply.code).toBe("429");
    expect(jsonOf(reply.body).error).toMatchObject({ code: "overloaded", retryable: true });
    service.abandon();
    const codes = await Promise.all(waiting);
    expect(new Set(codes.map(({ code }) => code))).toEqual(new Set(["503"]));
    expect((await ask("elanus.v1.default.docs.search")).code).toBe(undefined);
  });

  it("answers 503 while the actor is down, and drains what it took", async () => {
    void ask("elanus.v1.default.docs.crash");
    await waitUntil("the crash", () => host.reports.some((text) => text.includes("on purpose")));
    await waitUntil("its next life", async () => {
      const reply = await ask("elanus.v1.default.docs.search");
      return reply.code === undefined && reply.kind === "ok";
    });
    const last = ask("elanus.v1.default.docs.search");
    await waitUntil("an empty house", async () => (await last).kind === "ok");
    await service.drain(500);
    expect((await ask("elanus.v1.default.docs.search")).kind).toBe("no-responders");
  });

  it("shows itself as a micro service", async () => {
    const result = await client.request("$SRV.INFO.elanus", new Uint8Array());
    if (result.kind !== "ok") throw new Error(result.kind);
    const info = jsonOf(result.message.body);
    expect(info).toMatchObject({ name: "elanus", version: "1.2.3" });
    expect(info.endpoints.map(({ subject }: { subject: string }) => subject)).toEqual([
      "elanus.v1.*.*",
      "elanus.v1.*.*.*",
    ]);
  });
});
