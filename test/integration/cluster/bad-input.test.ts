// Bad input of every sort, as any NATS client could send it: a typed error, and nothing written.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ElanusClient } from "../../../src/client/connect.js";
import { packMessage } from "../../../src/contract/message-pack.js";
import type { NatsLink } from "../../../src/system/nats.js";
import { cases, collection, good, row, search } from "./bad-requests.js";
import { startCluster, type TestCluster } from "./cluster.js";
import { type Answer, ask as askOver, type Encoding, encode } from "./raw-requests.js";

let cluster: TestCluster;
let client: ElanusClient;
let link: NatsLink;
let pids: readonly number[];

const rowsStored = 1;

beforeAll(async () => {
  cluster = await startCluster();
  client = await cluster.client();
  link = await cluster.link();
  await client.createCollection({
    name: "docs",
    fields: [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "name", type: "VarChar", maxLength: 8 },
      { name: "small", type: "Int8" },
      { name: "text", type: "VarChar", nullable: true },
      { name: "v", type: "FloatVector", dimension: 4 },
    ],
  });
  await client.collection("docs").insert([good]);
  pids = await pidsOf();
});
afterAll(() => cluster.close());

async function pidsOf(): Promise<readonly number[]> {
  const hosts = await cluster.hosts();
  return [cluster.natsPid(), ...hosts.map(({ pid }) => pid)].sort();
}

const ask = (subject: string, body: Uint8Array, encoding: Encoding) =>
  askOver(link, subject, body, encoding);

async function expectRefusal(answer: Promise<Answer>, status: number, word: string, text: RegExp) {
  const { code, text: inHeader, body } = await answer;
  const error = body.error as Record<string, unknown>;
  expect(error).toMatchObject({ code: word, retryable: false });
  expect(`${error.message} ${error.hint ?? ""}`).toMatch(text);
  expect(error.requestId).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(code).toBe(String(status));
  expect(inHeader).toContain(String(error.message).slice(0, 60));
  const { count } = await client.collection("docs").count({ consistency: "strong" });
  expect(count).toBe(rowsStored);
}

describe.each(["json", "msgpack"] as const)("as %s", (encoding) => {
  it.each(cases)("%s", (_, subject, given, status, word, text) =>
    expectRefusal(ask(`default.${subject}`, encode(given, encoding), encoding), status, word, text),
  );
});

const prototype = '{"rows":[{"id":2,"name":"x","small":1,"v":[1,0,0,0],"__proto__":{"small":2}}]}';
const bareJson = (text: string) => Buffer.from(text);
const floats = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);

describe("what only one encoding can say", () => {
  type Raw = readonly [string, string, () => Uint8Array, Encoding, string, RegExp];
  const raw: readonly Raw[] = [
    [
      "a body that is not JSON",
      "docs.insert",
      () => bareJson("{nope"),
      "json",
      "malformed-body",
      /JSON/,
    ],
    ["a list for a body", "docs.insert", () => bareJson("[]"), "json", "malformed-body", /object/],
    [
      "bytes that are no text",
      "docs.insert",
      () => Uint8Array.of(0x22, 0xff, 0x22),
      "json",
      "malformed-body",
      /JSON/,
    ],
    [
      "__proto__ as a field",
      "docs.insert",
      () => bareJson(prototype),
      "json",
      "reserved-name",
      /__proto__/,
    ],
    [
      "__proto__ as an argument",
      "docs.count",
      () => bareJson('{"__proto__":{}}'),
      "json",
      "reserved-name",
      /__proto__/,
    ],
    [
      "a number beyond int64",
      "docs.insert",
      () => bareJson('{"rows":[{"id":1e30,"name":"x","small":1,"v":[1,0,0,0]}]}'),
      "json",
      "value-out-of-range",
      /id/,
    ],
    [
      "NaN in a list",
      "docs.insert",
      () => packMessage(row({ v: [Number.NaN, 0, 0, 0] })),
      "msgpack",
      "value-out-of-range",
      /'v'/,
    ],
    [
      "infinity in bytes",
      "docs.insert",
      () => packMessage(row({ v: floats([Number.POSITIVE_INFINITY, 0, 0, 0]) })),
      "msgpack",
      "value-out-of-range",
      /'v'/,
    ],
    [
      "NaN in a query",
      "docs.search",
      () => packMessage(search({ vector: floats([Number.NaN, 0, 0, 0]) })),
      "msgpack",
      "value-out-of-range",
      /vector/,
    ],
    [
      "a vector of 15 bytes",
      "docs.insert",
      () => packMessage(row({ v: new Uint8Array(15) })),
      "msgpack",
      "dimension-mismatch",
      /'v'/,
    ],
    [
      "an unsigned key beyond int64",
      "docs.insert",
      () => packMessage(row({ id: 2n ** 63n })),
      "msgpack",
      "value-out-of-range",
      /id/,
    ],
    [
      "half a body",
      "docs.insert",
      () => packMessage(row({})).subarray(0, 20),
      "msgpack",
      "malformed-body",
      /./,
    ],
    [
      "JSON that says it is MessagePack",
      "docs.insert",
      () => bareJson(JSON.stringify(row({}))),
      "msgpack",
      "malformed-body",
      /./,
    ],
  ];
  it.each(raw)("%s", (_, subject, body, encoding, word, text) =>
    expectRefusal(ask(`default.${subject}`, body(), encoding), 400, word, text),
  );
});

describe("batches that are too large", () => {
  const large = {
    rows: Array.from({ length: 100 }, (_, n) => ({
      ...good,
      id: 100 + n,
      text: "x".repeat(60_000),
    })),
  };

  it.each(["json", "msgpack"] as const)(
    "are told how many rows would fit, as %s",
    async (encoding) => {
      const answer = ask("default.docs.insert", encode(large, encoding), encoding);
      await expectRefusal(answer, 413, "payload-too-large", /about (6\d|70) such rows would fit/);
    },
  );

  it("do not leave a client that would send more than the server takes", async () => {
    const huge = { ...good, id: 3, text: "x".repeat(9 * 1024 * 1024) };
    const refusal = client.collection("docs").insert([huge]);
    await expect(refusal).rejects.toMatchObject({ code: "payload-too-large", status: 413 });
  });
});

describe("old moments", () => {
  it("are refused with the oldest one that can be read", async () => {
    await client.createCollection({ ...collection({ name: "brief" }), asOfWindow: 200 });
    const brief = client.collection("brief");
    await brief.insert([{ id: 1, v: [1, 2, 3, 4] }]);
    await brief.flush();
    const asOf = Date.now() - 5_000;

    const given = encode({ asOf }, "json");
    const { code, body } = await ask("default.brief.count", given, "json");
    expect({ code, body }).toMatchObject({
      code: "400",
      body: { error: { code: "as-of-too-old" } },
    });
    const oldest = /time is (\S+)$/.exec((body.error as { message: string }).message)?.[1] ?? "";
    expect(Date.parse(oldest)).toBeGreaterThan(asOf);
    expect(Date.parse(oldest)).toBeLessThanOrEqual(Date.now());
  });
});

it("leaves every process as it was, and nothing unwell", async () => {
  expect(await pidsOf()).toEqual(pids);
  expect(await client.health()).toMatchObject({ status: "ok", causes: [] });
});
