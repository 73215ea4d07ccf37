// Random filters over random rows mean the same to the real evaluator and to the naive one.
import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluateFilter } from "../../src/filter/evaluate.js";
import { fieldsOf } from "../../src/filter/filter.js";
import { parseFilter } from "../../src/filter/parse.js";
import { columnsOf, type FieldName, fieldTypesByName, type Row, schemaOf } from "./collection.js";
import { type Expression, type Place, truthOf, type Value } from "./reference.js";

const schema = schemaOf({ dynamicFields: true });

const two53 = 2n ** 53n;
const edgeIntegers = [
  0n,
  1n,
  -1n,
  5n,
  two53,
  two53 + 1n,
  -two53 - 1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];
const integer = fc.oneof(
  fc.constantFrom(...edgeIntegers),
  fc.bigInt({ min: -5n, max: 9n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const edgeFloats = [0, -0, 0.1, 2.5, -2.5, 3, 2 ** 53, 2 ** 63, -(2 ** 63), 1e300, -1e300, 5e-324];
const float = fc.oneof(
  fc.constantFrom(...edgeFloats),
  fc.double({ min: -5, max: 9, noNaN: true }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const text = fc.oneof(
  fc.constantFrom("", "a", "ab", "b%", "a_b", "\\", "x'y\"z", "\u{1f426}", "\uffff", "constructor"),
  fc.string({ unit: fc.constantFrom("a", "b", "%", "_", "\\", "\u{1f426}"), maxLength: 5 }),
);
const pattern = fc
  .array(fc.constantFrom("a", "b", "%", "_", "\\%", "\\_", "\\\\", "\u{1f426}"), { maxLength: 6 })
  .map((parts) => parts.join(""));

const steps = ["k", "n", "a", "__proto__", "length", "x y"] as const;
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    fc.constantFrom(null, true, false, 0, 1, 5, 2.5, "a", "ab", 2 ** 53),
    float,
    text,
    fc.array(tie("value"), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom(...steps), tie("value")), { maxLength: 3 })
      .map((entries) => JSON.parse(`{${entries.map(entryText).join(",")}}`)),
  ),
})).value;

function entryText([key, value]: readonly [string, unknown]): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
}

const cells: Record<string, fc.Arbitrary<unknown>> = {
  Int64: integer,
  Int32: fc.oneof(fc.integer({ min: -5, max: 9 }), fc.integer()),
  Int8: fc.integer({ min: -128, max: 127 }),
  Float: float.map(Math.fround).filter(Number.isFinite),
  Double: float,
  VarChar: text,
  Bool: fc.boolean(),
  JSON: json,
};

const row: fc.Arbitrary<Row> = fc.record({
  ...Object.fromEntries(
    Object.entries(fieldTypesByName).map(([name, type]) => [
      name,
      name === "id" ? cells[type] : fc.option(cells[type] as fc.Arbitrary<unknown>, { freq: 4 }),
    ]),
  ),
  $meta: fc.dictionary(fc.constantFrom("k", "n", "a"), json, { maxKeys: 3, noNullPrototype: true }),
}) as fc.Arbitrary<Row>;

const path = fc.array(fc.oneof(fc.constantFrom(...steps), fc.nat({ max: 2 })), { maxLength: 3 });
const place: fc.Arbitrary<Place> = fc
  .oneof(
    { weight: 5, arbitrary: fc.constantFrom(...(Object.keys(fieldTypesByName) as FieldName[])) },
    { weight: 2, arbitrary: fc.constant("dynamic" as const) },
  )
  .chain((field): fc.Arbitrary<Place> => {
    if (field === "dynamic") {
      return fc
        .tuple(fc.constantFrom("k", "n", "a"), path)
        .map(([name, rest]) => ({ field, path: [name, ...rest] }));
    }
    return fieldTypesByName[field] === "JSON"
      ? path.map((steps) => ({ field, path: steps }))
      : fc.constant({ field, path: [] });
  });

function literalFor({ field }: Place): fc.Arbitrary<Value> {
  const type = field === "dynamic" ? "JSON" : fieldTypesByName[field];
  if (type === "VarChar") return text;
  if (type === "Bool") return fc.boolean();
  const number = fc.oneof<fc.Arbitrary<Value>[]>(integer, float);
  return type === "JSON" ? fc.oneof<fc.Arbitrary<Value>[]>(number, text, fc.boolean()) : number;
}

const predicate: fc.Arbitrary<Expression> = place.chain((at): fc.Arbitrary<Expression> => {
  const literal = literalFor(at);
  const isText = at.field === "dynamic" || ["VarChar", "JSON"].includes(fieldTypesByName[at.field]);
  const like = pattern.map((value): Expression => ({ kind: "like", place: at, pattern: value }));
  const compare = fc.record({
    kind: fc.constant("compare" as const),
    place: fc.constant(at),
    operator: fc.constantFrom("==", "!=", "<", "<=", ">", ">="),
    value: literal,
    mirrored: fc.boolean(),
  });
  const isOrdered = (value: Value) => typeof value !== "boolean";
  return fc.oneof(
    compare.map((term) =>
      isOrdered(term.value) ? term : { ...term, operator: "!=" as const },
    ) as fc.Arbitrary<Expression>,
    fc.record({
      kind: fc.constant("in" as const),
      place: fc.constant(at),
      values: fc.array(literal, { maxLength: 4 }),
      negated: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant("is-null" as const),
      place: fc.constant(at),
      negated: fc.boolean(),
    }),
    ...(isText ? [like] : []),
  );
});

const expression = fc.letrec<{ value: Expression }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "medium" },
    predicate,
    fc.record({ kind: fc.constant("not" as const), inner: tie("value") }),
    fc.record({
      kind: fc.constantFrom("and" as const, "or" as const),
      terms: fc.array(tie("value"), { minLength: 2, maxLength: 4 }),
    }),
  ),
})).value;

/** How tightly each kind binds; a looser part inside a tighter one needs parentheses. */
const tightness = { or: 0, and: 1, compare: 2, in: 3, not: 4, like: 5, "is-null": 5 } as const;

function print(part: Expression, inside = 0): string {
  const written = printBare(part);
  return tightness[part.kind] < inside ? `(${written})` : written;
}

function printBare(part: Expression): string {
  switch (part.kind) {
    case "and":
      return part.terms.map((term) => print(term, 2)).join(part.terms.length % 2 ? " and " : "&&");
    case "or":
      return part.terms.map((term) => print(term, 1)).join(part.terms.length % 2 ? " OR " : "||");
    case "not":
      return `not ${print(part.inner, 4)}`;
    case "compare": {
      const flipped = part.operator.replace(/[<>]/, (sign) => (sign === "<" ? ">" : "<"));
      return part.mirrored
        ? `${printValue(part.value)} ${flipped} ${printPlace(part.place)}`
        : `${printPlace(part.place)}${part.operator}${printValue(part.value)}`;
    }
    case "in": {
      const values = part.values.map(printValue).join(", ");
      return `${printPlace(part.place)} ${part.negated ? "not in" : "in"} [${values}]`;
    }
    case "like":
      return `${printPlace(part.place)} like ${printText(part.pattern)}`;
    case "is-null":
      return `${printPlace(part.place)} is ${part.negated ? "not null" : "NULL"}`;
  }
}

function printPlace({ field, path: steps }: Place): string {
  const [name, ...rest] = field === "dynamic" ? steps : [field, ...steps];
  const start = field === "dynamic" && rest.length > 1 ? `$meta[${printStep(name)}]` : name;
  return `${start}${rest.map((step) => `[${printStep(step)}]`).join("")}`;
}

function printStep(step: string | number | undefined): string {
  return typeof step === "number" ? String(step) : printText(step ?? "");
}

function printText(value: string): string {
  const quoted = JSON.stringify(value);
  if (value.length % 2 === 0) return quoted;
  return `'${quoted.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

function printValue(value: Value): string {
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (typeof value === "string") return printText(value);
  const digits = Object.is(value, -0) ? "-0" : String(value);
  return /[.e]/.test(digits) ? digits : `${digits}.0`;
}

test("agrees with the naive evaluator on every row", () => {
  let passing = 0;
  let unknown = 0;
  fc.assert(
    fc.property(expression, fc.array(row, { maxLength: 12 }), (tree, rows) => {
      const written = print(tree);
      const parsed = parseFilter(written, schema);
      if (!parsed.ok) throw new Error(`${written}: ${parsed.message}`);
      const truths = rows.map((cells) => truthOf(tree, cells));
      passing += truths.filter((truth) => truth === true).length;
      unknown += truths.filter((truth) => truth === null).length;
      const needed = fieldsOf(parsed.filter);
      const columns = [...columnsOf(rows)].filter(([name]) => needed.has(name));
      const cloned = structuredClone(parsed.filter);
      const outcome = evaluateFilter(cloned, new Map(columns), rows.length);
      expect(Array.from(outcome), written).toEqual(truths.map((truth) => (truth === true ? 1 : 0)));
    }),
    { numRuns: 2000 },
  );
  // The generator is of use only while it makes rows of each of the three kinds.
  expect(passing).toBeGreaterThan(200);
  expect(unknown).toBeGreaterThan(200);
});
