// A schema is accepted or refused as a whole, with a message that names the field at fault.
import { describe, expect, it } from "vitest";
import { type Field, fieldSchema, fieldsMax } from "../../src/rows/schema.js";
import { checkSchema, completeFields, vectorFieldsMax } from "../../src/rows/schema-rules.js";

type Declared = Partial<Field> & Pick<Field, "name" | "type">;

const key: Declared = { name: "id", type: "Int64", primaryKey: true };
const vector: Declared = { name: "embedding", type: "FloatVector", dimension: 4 };

function fieldsOf(...declared: Declared[]): Field[] {
  return declared.map((field) => fieldSchema.parse(field));
}

function refusal(declared: Declared[], dynamicFields = false): string | null {
  const verdict = checkSchema(fieldsOf(...declared), dynamicFields);
  return verdict.ok ? null : verdict.message;
}

const withScalar = (field: Declared): Declared[] => [key, vector, field];

describe("schemas that are accepted", () => {
  const accepted: Record<string, Declared[]> = {
    "an Int64 key": [key, vector],
    "an automatic key": [{ ...key, autoId: true }, vector],
    "a VarChar key": [{ name: "id", type: "VarChar", primaryKey: true, maxLength: 64 }, vector],
    "two vectors": [key, vector, { ...vector, name: "image", metric: "L2" }],
    "a nullable scalar": withScalar({ name: "price", type: "Double", nullable: true }),
    "a JSON field": withScalar({ name: "extra", type: "JSON", nullable: true }),
    "an Int8 default at its limit": withScalar({ name: "n", type: "Int8", default: -128 }),
    "an Int64 default as a string": withScalar({
      name: "n",
      type: "Int64",
      default: "-9223372036854775808",
    }),
    "a Bool default": withScalar({ name: "b", type: "Bool", default: false }),
    "a Float default": withScalar({ name: "f", type: "Float", default: 0.5 }),
    "a VarChar default": withScalar({ name: "v", type: "VarChar", maxLength: 5, default: "été" }),
  };
  for (const [title, declared] of Object.entries(accepted)) {
    it(title, () => expect(refusal(declared, true)).toBe(null));
  }
});

describe("schemas that are refused", () => {
  const scalar = (field: Declared): Declared[] => withScalar(field);
  const refused: [string, Declared[], RegExp][] = [
    ["no key", [vector], /primary key/],
    ["two keys", [key, { ...key, name: "other" }, vector], /'id', 'other'/],
    ["a Float key", [{ name: "id", type: "Float", primaryKey: true }, vector], /Float/],
    ["a nullable key", [{ ...key, nullable: true }, vector], /nullable/],
    ["a key with a default", [{ ...key, default: 1 }, vector], /default/],
    [
      "an automatic VarChar key",
      [{ name: "id", type: "VarChar", primaryKey: true, autoId: true }, vector],
      /autoId/,
    ],
    ["autoId beside the key", scalar({ name: "n", type: "Int64", autoId: true }), /'n'.*autoId/],
    ["no vector", [key], /vector/],
    ["a vector without dimension", [key, { name: "v", type: "FloatVector" }], /'v'.*dimension/],
    ["a nullable vector", [key, { ...vector, nullable: true }], /nullable/],
    ["a vector with a default", [key, { ...vector, default: 1 }], /default/],
    ["a field twice", [key, vector, { ...vector, type: "Bool" }], /'embedding'/],
    ["a scalar with dimension", scalar({ name: "n", type: "Int8", dimension: 4 }), /dimension/],
    ["a scalar with a metric", scalar({ name: "n", type: "Int8", metric: "IP" }), /metric/],
    [
      "a scalar with an index",
      scalar({ name: "n", type: "Int8", index: { M: 16, efConstruction: 200 } }),
      /index/,
    ],
    ["an Int64 with maxLength", scalar({ name: "n", type: "Int64", maxLength: 4 }), /maxLength/],
    ["a vector with maxLength", [key, { ...vector, maxLength: 4 }], /maxLength/],
    ["a JSON default", scalar({ name: "j", type: "JSON", default: "{}" }), /JSON/],
    ["a default beyond Int8", scalar({ name: "n", type: "Int8", default: 128 }), /'n'.*Int8.*128/],
    ["a fraction for Int32", scalar({ name: "n", type: "Int32", default: 1.5 }), /1\.5/],
    ["a string for Int32", scalar({ name: "n", type: "Int32", default: "1" }), /Int32/],
    ["a number beyond 2^53", scalar({ name: "n", type: "Int64", default: 2 ** 60 }), /Int64/],
    [
      "a string beyond Int64",
      scalar({ name: "n", type: "Int64", default: "9223372036854775808" }),
      /Int64/,
    ],
    ["a boolean for Int64", scalar({ name: "n", type: "Int64", default: true }), /Int64/],
    ["a number for Bool", scalar({ name: "b", type: "Bool", default: 1 }), /Bool/],
    ["a Float too large", scalar({ name: "f", type: "Float", default: 1e39 }), /Float/],
    ["a number for VarChar", scalar({ name: "v", type: "VarChar", default: 1 }), /VarChar/],
    [
      "a VarChar too long in bytes",
      scalar({ name: "v", type: "VarChar", maxLength: 5, default: "étés" }),
      /étés/,
    ],
  ];
  for (const [title, declared, message] of refused) {
    it(title, () => expect(refusal(declared)).toMatch(message));
  }

  it("too many vectors, or too many columns with the dynamic one", () => {
    const vectors = Array.from({ length: vectorFieldsMax + 1 }, (_, index) => ({
      ...vector,
      name: `v${index}`,
    }));
    expect(refusal([key, ...vectors])).toMatch(/11 vector fields/);
    const scalars = Array.from({ length: fieldsMax - 2 }, (_, index) => ({
      name: `s${index}`,
      type: "Bool" as const,
    }));
    expect(refusal([key, vector, ...scalars], false)).toBe(null);
    expect(refusal([key, vector, ...scalars], true)).toMatch(/257 columns/);
  });
});

it("complete fields say what was left to the defaults, and keep what was said", () => {
  const completed = completeFields(
    fieldsOf(
      key,
      vector,
      { ...vector, name: "image", metric: "IP" },
      { name: "v", type: "VarChar" },
    ),
  );
  expect(completed[0]).toEqual(fieldSchema.parse(key));
  expect(completed[1]).toMatchObject({ metric: "COSINE", index: { M: 16, efConstruction: 200 } });
  expect(completed[2]).toMatchObject({ metric: "IP" });
  expect(completed[3]).toMatchObject({ maxLength: 65_535 });
});
