// The collection that the filter tests ask of: a field of each type, and rows as columns.
import type { ScalarColumn } from "../../src/rows/columns.js";
import { type CollectionSchema, type FieldType, fieldSchema } from "../../src/rows/schema.js";

export const fieldTypesByName = {
  id: "Int64",
  year: "Int64",
  size: "Int32",
  tiny: "Int8",
  price: "Float",
  weight: "Double",
  title: "VarChar",
  lang: "VarChar",
  ok: "Bool",
  meta: "JSON",
} as const satisfies Record<string, FieldType>;
export type FieldName = keyof typeof fieldTypesByName;

export function schemaOf(options: { readonly dynamicFields: boolean }): CollectionSchema {
  const scalars = Object.entries(fieldTypesByName).map(([name, type]) =>
    fieldSchema.parse({
      name,
      type,
      primaryKey: name === "id",
      nullable: name !== "id",
      ...(type === "VarChar" ? { maxLength: 65_535 } : {}),
    }),
  );
  const vector = fieldSchema.parse({ name: "vector", type: "FloatVector", dimension: 4 });
  return { fields: [...scalars, vector], dynamicFields: options.dynamicFields };
}

/** A missing or null property is a null. `$meta` holds what the schema does not declare. */
export type Row = Readonly<Partial<Record<FieldName | "$meta", unknown>>>;

/** Columns with room behind the rows, filled with values that a filter must not look at. */
export function columnsOf(rows: readonly Row[], spare = 3): ReadonlyMap<string, ScalarColumn> {
  const columns = new Map<string, ScalarColumn>();
  for (const [name, type] of [...Object.entries(fieldTypesByName), ["$meta", "JSON"] as const]) {
    const cells = rows.map((row) => row[name as keyof Row] ?? null);
    const capacity = [...cells, ...Array.from({ length: spare }, () => cells[0] ?? null)];
    const hasNull = cells.some((cell) => cell === null);
    const valid = hasNull
      ? Uint8Array.from(capacity, (cell) => (cell === null ? 0 : 1))
      : undefined;
    columns.set(name, columnOf(type, capacity, valid));
  }
  return columns;
}

function columnOf(
  type: FieldType,
  cells: readonly unknown[],
  valid: Uint8Array | undefined,
): ScalarColumn {
  const numbers = cells as readonly (number | null)[];
  switch (type) {
    case "Int64":
      return { type, valid, values: BigInt64Array.from(cells, (cell) => (cell ?? 0n) as bigint) };
    case "Int8":
    case "Int16":
    case "Int32":
      return { type, valid, values: Int32Array.from(numbers, (cell) => cell ?? 0) };
    case "Float":
      return { type, valid, values: Float32Array.from(numbers, (cell) => cell ?? 0) };
    case "Double":
      return { type, valid, values: Float64Array.from(numbers, (cell) => cell ?? 0) };
    case "Bool":
      return { type, valid, values: Uint8Array.from(cells, (cell) => (cell === true ? 1 : 0)) };
    case "VarChar":
      return { type, valid, values: cells.map((cell) => (cell ?? "") as string) };
    case "JSON":
      // What a null row holds says nothing.
      return { type, valid, values: cells.map((cell) => cell ?? { k: 5 }) };
    case "FloatVector":
      throw new Error("filters take no vectors");
  }
}
