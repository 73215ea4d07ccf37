// Which columns a read returns for the output fields that it names.
import {
  type CollectionSchema,
  dynamicFieldName,
  primaryKeyOf,
  vectorFieldsOf,
} from "../rows/schema.js";

export type OutputFields =
  | { readonly ok: true; readonly fields: readonly string[] }
  | { readonly ok: false; readonly message: string };

/**
 * The key first, then in the order of the schema. `*` means all but the vectors; a name that the
 * schema does not declare means the dynamic column, where there is one.
 */
export function resolveOutputFields(
  schema: CollectionSchema,
  names: readonly string[],
): OutputFields {
  const declared = schema.fields.map((field) => field.name);
  const chosen = new Set([primaryKeyOf(schema).name]);
  for (const name of names) {
    if (name === "*") for (const field of allButVectors(schema)) chosen.add(field);
    else if (declared.includes(name)) chosen.add(name);
    else if (schema.dynamicFields) chosen.add(dynamicFieldName);
    else {
      return { ok: false, message: `no field '${name}'; the fields are ${declared.join(", ")}` };
    }
  }
  const order = [primaryKeyOf(schema).name, ...declared, dynamicFieldName];
  return { ok: true, fields: [...new Set(order)].filter((name) => chosen.has(name)) };
}

function allButVectors(schema: CollectionSchema): readonly string[] {
  const vectors = new Set(vectorFieldsOf(schema).map((field) => field.name));
  const names = schema.fields.map((field) => field.name).filter((name) => !vectors.has(name));
  return schema.dynamicFields ? [...names, dynamicFieldName] : names;
}
