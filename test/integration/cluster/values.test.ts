// What goes in comes out: every field type, absent values, dynamic fields, keys, vectors, scores.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ElanusClient } from "../../../src/client/connect.js";
import type { FieldDefinition } from "../../../src/client/types.js";
import { startCluster, type TestCluster } from "./cluster.js";
import { ask, encode } from "./raw-requests.js";

let cluster: TestCluster;
let client: ElanusClient;

beforeAll(async () => {
  cluster = await startCluster();
  client = await cluster.client();
});
afterAll(() => cluster.close());

const id: FieldDefinition = { name: "id", type: "Int64", primaryKey: true };
const vector = (name: string, dimension: number, more: Partial<FieldDefinition> = {}) =>
  ({ name, type: "FloatVector", dimension, ...more }) satisfies FieldDefinition;

describe("values", () => {
  const fields: readonly FieldDefinition[] = [
    id,
    { name: "long", type: "Int64" },
    { name: "text", type: "VarChar" },
    { name: "yes", type: "Bool" },
    { name: "tiny", type: "Int8" },
    { name: "small", type: "Int16" },
    { name: "medium", type: "Int32" },
    { name: "single", type: "Float" },
    { name: "double", type: "Double" },
    { name: "document", type: "JSON" },
    vector("v", 3),
  ];
  const extremes = [
    {
      ...{
        id: -(2n ** 63n),
        long: 2n ** 63n - 1n,
        text: "",
        yes: false,
        tiny: -128,
        small: -32_768,
      },
      ...{ medium: -(2 ** 31), single: Math.fround(0.1), double: Number.MIN_VALUE },
      ...{ document: { none: null }, v: new Float32Array([1e-40, -0, 3.4e38]) },
    },
    {
      ...{
        id: 2n ** 63n - 1n,
        long: -(2n ** 63n),
        text: "Vögel 🪁 \u0000 \"'",
        yes: true,
        tiny: 127,
      },
      ...{ small: 32_767, medium: 2 ** 31 - 1, single: -1.5, double: Number.MAX_VALUE },
      ...{ document: { a: [1, "two", null, { b: true }] }, v: new Float32Array([1, 2, 3]) },
    },
  ];

  async function stored() {
    const outputFields = fields.map(({ name }) => name);
    const { rows } = await client.collection("types").query({ limit: 10, outputFields });
    return rows;
  }

  it("of every type are the same as growing rows, as a segment, and after a restart", async () => {
    await client.createCollection({ name: "types", fields, thresholds: { indexRowsMin: 1 } });
    const given = extremes;
    await client.collection("types").insert(given);
    expect(await stored()).toEqual(given);
    await client.collection("types").flush();
    expect(await stored()).toEqual(given);
    await cluster.stop();
    await cluster.start();
    expect(await stored()).toEqual(given);
  });

  it("are in JSON what JSON can say", async () => {
    const link = await cluster.link();
    const body = encode({ ids: [String(extremes[1]?.id)], outputFields: ["long", "v"] }, "json");
    const answer = await ask(link, "default.types.query", body, "json");
    expect(answer.body.rows).toEqual([
      { id: "9223372036854775807", long: "-9223372036854775808", v: [1, 2, 3] },
    ]);
  });

  it("that are absent are null, or the default, and filters know them", async () => {
    await client.createCollection({
      name: "absent",
      fields: [
        id,
        vector("v", 2),
        { name: "maybe", type: "Int32", nullable: true },
        { name: "usual", type: "VarChar", default: "brown" },
      ],
    });
    const absent = client.collection("absent");
    await absent.insert([
      { id: 1, v: [1, 0] },
      { id: 2, v: [1, 0], maybe: null, usual: null },
      { id: 3, v: [1, 0], maybe: 0, usual: "grey" },
    ]);
    for (const round of ["growing", "sealed"]) {
      const { rows } = await absent.query({ limit: 9, outputFields: ["id", "maybe", "usual"] });
      expect(rows, round).toEqual([
        { id: 1n, maybe: null, usual: "brown" },
        { id: 2n, maybe: null, usual: "brown" },
        { id: 3n, maybe: 0, usual: "grey" },
      ]);
      expect(await idsWhere("absent", "maybe is null"), round).toEqual([1n, 2n]);
      expect(await idsWhere("absent", "not (maybe > 0)"), round).toContain(3n);
      expect(await idsWhere("absent", 'usual == "brown"'), round).toEqual([1n, 2n]);
      await absent.flush();
    }
  });

  it("beyond the declared fields are kept, filtered and shown", async () => {
    await client.createCollection({
      name: "free",
      fields: [id, vector("v", 2)],
      dynamicFields: true,
    });
    const free = client.collection("free");
    await free.insert([
      { id: 1, v: [1, 0], colour: "red", size: 3 },
      { id: 2, v: [1, 0], colour: "blue", tags: ["a", "b"] },
      { id: 3, v: [1, 0] },
    ]);
    for (const round of ["growing", "sealed"]) {
      expect(await idsWhere("free", 'colour == "red"'), round).toEqual([1n]);
      expect(await idsWhere("free", "size > 2"), round).toEqual([1n]);
      const { rows } = await free.query({ ids: [2], outputFields: ["colour", "tags"] });
      expect(rows, round).toEqual([{ id: 2n, colour: "blue", tags: ["a", "b"] }]);
      await free.flush();
    }
  });
});

async function idsWhere(collection: string, filter: string) {
  const { rows } = await client.collection(collection).query({ filter, outputFields: ["id"] });
  return rows.map((row) => row.id);
}

describe("keys", () => {
  it("that the log gives are unique, known from the reply, and find their rows", async () => {
    const key: FieldDefinition = { ...id, autoId: true };
    const number: FieldDefinition = { name: "n", type: "Int32" };
    await client.createCollection({
      name: "auto",
      fields: [key, number, vector("v", 2)],
      shards: 3,
    });
    const auto = client.collection("auto");
    const given: [id: bigint, n: number][] = [];
    for (let batch = 0; batch < 10; batch++) {
      const rows = Array.from({ length: 7 }, (_, n) => ({ n: batch * 7 + n, v: [n, 1] }));
      const { ids } = await auto.insert(rows);
      rows.forEach(({ n }, at) => {
        given.push([ids[at] as bigint, n]);
      });
    }
    expect(new Set(given.map(([key]) => key)).size).toBe(70);
    const { rows } = await auto.query({ ids: given.map(([key]) => key), outputFields: ["n"] });
    expect(new Map(rows.map((row) => [row.id, row.n]))).toEqual(new Map(given));
    const [gone] = given[0] ?? [0n];
    await auto.delete({ ids: [gone] });
    expect((await auto.count()).count).toBe(69);
    await expect(auto.upsert([{ n: 1, v: [1, 2] }])).rejects.toMatchObject({ status: 400 });
  });

  it("that are sent again under the same request id are the same", async () => {
    const auto = client.collection("auto");
    const { count: before } = await auto.count();
    const row = { n: 100, v: [1, 1] };
    const first = await auto.insert([row], { requestId: "the-same" });
    const second = await auto.insert([row], { requestId: "the-same" });
    expect(second.ids).toEqual(first.ids);
    expect((await auto.count()).count).toBe(before + 1);
  });

  it("can be text", async () => {
    const key: FieldDefinition = { name: "word", type: "VarChar", primaryKey: true, maxLength: 32 };
    await client.createCollection({ name: "words", fields: [key, vector("v", 2)], shards: 2 });
    const words = client.collection("words");
    await words.insert([
      { word: "kite", v: [1, 0] },
      { word: "Vögel", v: [0, 1] },
      { word: "", v: [1, 1] },
    ]);
    const { results } = await words.search({ vector: [0, 1], limit: 1 });
    expect(results[0]?.[0]?.id).toBe("Vögel");
    await words.delete({ ids: ["Vögel", "nobody"] });
    const { rows } = await words.query({ limit: 9 });
    expect(rows.map(({ word }) => word)).toEqual(["", "kite"]);
  });
});

describe("searches", () => {
  const metrics = ["L2", "IP", "COSINE"] as const;
  const rows = Array.from({ length: 300 }, (_, n) => ({
    id: BigInt(n),
    group: n % 3,
    v: Float32Array.from({ length: 6 }, (_, d) => Math.sin(n * 7 + d * 3)),
    w: Float32Array.from({ length: 2 }, (_, d) => Math.cos(n + d)),
  }));
  const query = Float32Array.from([0.3, -0.2, 0.9, 0.1, 0.4, -0.7]);

  function scoreOf(metric: (typeof metrics)[number], left: Float32Array, right: Float32Array) {
    const sum = (of: (a: number, b: number) => number) =>
      left.reduce((total, value, at) => total + of(value, right[at] ?? 0), 0);
    const dot = sum((a, b) => a * b);
    if (metric === "L2") return sum((a, b) => (a - b) ** 2);
    return metric === "IP" ? dot : dot / Math.sqrt(sum((a) => a * a) * sum((_, b) => b * b));
  }

  function nearest(metric: (typeof metrics)[number], from: readonly (typeof rows)[number][]) {
    const sign = metric === "L2" ? 1 : -1;
    const scored = from.map((row) => ({ id: row.id, score: scoreOf(metric, query, row.v) }));
    return scored.sort((a, b) => sign * (a.score - b.score)).slice(0, 10);
  }

  it.each(metrics)(
    "by %s find the nearest, with their scores, sealed and growing",
    async (metric) => {
      const name = `by_${metric}`;
      const group: FieldDefinition = { name: "group", type: "Int8" };
      const fields = [id, group, vector("v", 6), vector("w", 2, { metric: "L2" })];
      const thresholds = { indexRowsMin: 1 };
      await client.createCollection({ name, fields, metric, shards: 2, thresholds });
      const collection = client.collection(name);
      await collection.insert(rows.slice(0, 200));
      await collection.flush();
      await collection.insert(rows.slice(200));
      const odd = rows.filter((row) => row.group !== 0);
      for (const exact of [true, false]) {
        const base = { vector: query, field: "v", limit: 10, exact };
        const all = (await collection.search(base)).results[0] ?? [];
        expectHits(all, nearest(metric, rows));
        const filtered = await collection.search({ ...base, filter: "group in [1, 2]" });
        expectHits(filtered.results[0] ?? [], nearest(metric, odd));
      }
    },
  );

  function expectHits(
    hits: readonly { readonly id: unknown; readonly score: number }[],
    wanted: readonly { readonly id: bigint; readonly score: number }[],
  ) {
    expect(hits.map((hit) => hit.id)).toEqual(wanted.map((hit) => hit.id));
    hits.forEach((hit, at) => {
      expect(hit.score).toBeCloseTo(wanted[at]?.score ?? Number.NaN, 4);
    });
  }

  it("take the field that is named, and ask for one where there are several", async () => {
    const collection = client.collection("by_IP");
    const { w, id: wanted } = rows[17] as (typeof rows)[number];
    const request = { vector: w, limit: 1, outputFields: ["group", "w"] };
    const { results } = await collection.search({ ...request, field: "w" });
    expect(results[0]?.[0]).toMatchObject({ id: wanted, fields: { group: 17 % 3, w } });
    expect(results[0]?.[0]?.score).toBeCloseTo(0, 5);
    await expect(collection.search(request)).rejects.toMatchObject({ status: 400 });
  });

  it("take several vectors at once, and no more hits than there are", async () => {
    const collection = client.collection("by_L2");
    const vectors = [rows[3]?.v, rows[250]?.v].filter((each) => each !== undefined);
    const { results } = await collection.search({ vectors, field: "v", limit: 400 });
    expect(results.map((hits) => hits[0]?.id)).toEqual([3n, 250n]);
    expect(results.map((hits) => hits.length)).toEqual([300, 300]);
  });

  it("page through rows by key", async () => {
    const collection = client.collection("by_COSINE");
    const page = await collection.query({ filter: "group == 1", limit: 5, offset: 95 });
    expect(page.rows.map((row) => row.id)).toEqual([286n, 289n, 292n, 295n, 298n]);
    expect(Object.keys(page.rows[0] ?? {}).sort()).toEqual(["group", "id"]);
  });
});
