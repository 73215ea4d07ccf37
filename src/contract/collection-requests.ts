// Requests about collections as such: create, list, describe, alter, drop.
import { z } from "zod";
import {
  type CollectionSettings,
  consistencyLevels,
  type NewCollection,
  newCollection,
  thresholds,
} from "../messages/records.js";
import {
  type Field,
  fieldSchema,
  fieldsMax,
  indexParametersSchema,
  metrics,
  nameSchema,
} from "../rows/schema.js";
import { checkSchema, completeFields } from "../rows/schema-rules.js";
import { coded, common } from "./arguments.js";
import type { SettingsChange } from "./calls.js";
import { refused } from "./errors.js";
import { commonOf, operation, type Scope } from "./operation.js";

const asOfWindowDefault = "10m";
const asOfWindowMsMax = 366 * 86_400_000;

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds, or a text such as '10m'. */
const duration = z.union([z.number(), z.string()]).transform((value, context): number => {
  const ms = typeof value === "number" ? value : durationMs(value);
  if (Number.isInteger(ms) && ms >= 0 && ms <= asOfWindowMsMax) return ms;
  const message = "a duration is a whole number of ms or a text such as '500ms', '10m' or '2h'";
  context.addIssue({ code: "custom", message });
  return z.NEVER;
});

function durationMs(text: string): number {
  const match = /^(\d{1,15})(ms|s|m|h|d)$/.exec(text);
  return Number(match?.[1] ?? Number.NaN) * (unitsMs[match?.[2] ?? ""] ?? Number.NaN);
}

const name = nameSchema;

const settings = {
  replicas: z.int().min(1).max(16).optional(),
  consistency: z.enum(consistencyLevels).optional(),
  asOfWindow: duration.optional(),
};

const creation = z.strictObject({
  ...common,
  ...settings,
  name,
  fields: z.array(fieldSchema).min(1).max(fieldsMax),
  /** Of the vector fields that say nothing else. */
  metric: z.enum(metrics).optional(),
  index: indexParametersSchema.optional(),
  shards: newCollection.shape.shards.default(1),
  asOfWindow: duration.prefault(asOfWindowDefault),
  dynamicFields: z.boolean().default(false),
  thresholds: thresholds.prefault({}),
});
type Creation = z.infer<typeof creation>;

export const createCollection = operation(creation, (given, { database }) => {
  const fields = completeFields(given.fields.map((field) => withDefaults(field, given)));
  const verdict = checkSchema(fields, given.dynamicFields);
  if (!verdict.ok) return refused("invalid-schema", verdict.message, verdict.hint);
  const definition: NewCollection = {
    name: given.name,
    fields,
    dynamicFields: given.dynamicFields,
    shards: given.shards,
    replicas: given.replicas ?? null,
    consistency: given.consistency ?? "strong",
    asOfWindowMs: given.asOfWindow,
    thresholds: given.thresholds,
  };
  const scope = { database, collection: given.name };
  return {
    ok: true,
    call: { operation: "create-collection", ...scope, ...commonOf(given), definition },
  };
});

function withDefaults(field: Field, { metric, index }: Creation): Field {
  if (field.type !== "FloatVector") return field;
  const ofField = { metric: field.metric ?? metric, index: field.index ?? index };
  const known = Object.entries(ofField).filter(([, value]) => value !== undefined);
  return { ...field, ...Object.fromEntries(known) };
}

export const listCollections = operation(z.strictObject(common), (given, { database }) => ({
  ok: true,
  call: { operation: "list-collections", database, ...commonOf(given) },
}));

const named = z.strictObject({ ...common, name });

export const describeCollection = operation(named, (given, { database }) => ({
  ok: true,
  call: describing({ database, collection: given.name }, given),
}));

/** The same, with the collection in the subject. */
export const describe = operation(z.strictObject(common), (given, scope) => ({
  ok: true,
  call: describing(scope, given),
}));

function describing(scope: Scope, given: Parameters<typeof commonOf>[0]) {
  return { operation: "describe-collection", ...scope, ...commonOf(given) } as const;
}

export const dropCollection = operation(named, (given, { database }) => ({
  ok: true,
  call: {
    operation: "drop-collection",
    database,
    collection: given.name,
    ...commonOf(given),
  },
}));

/** Without their defaults: what is not named must stay as it is. */
const changedThresholds = z.strictObject({
  sealRows: thresholds.shape.sealRows.unwrap().optional(),
  sealBytes: thresholds.shape.sealBytes.unwrap().optional(),
  sealAgeMs: thresholds.shape.sealAgeMs.unwrap().optional(),
  indexRowsMin: thresholds.shape.indexRowsMin.unwrap().optional(),
  mergeBytes: thresholds.shape.mergeBytes.unwrap().optional(),
});

const alteration = z.strictObject({
  ...common,
  ...settings,
  name,
  thresholds: changedThresholds.optional(),
});

export const alterCollection = operation(
  alteration.refine(
    ({ replicas, consistency, asOfWindow, thresholds }) =>
      [replicas, consistency, asOfWindow, thresholds].some((value) => value !== undefined),
    coded("invalid-request", "name what to alter: replicas, consistency, asOfWindow, thresholds"),
  ),
  (given, { database }) => ({
    ok: true,
    call: {
      operation: "alter-collection",
      database,
      collection: given.name,
      ...commonOf(given),
      change: changeOf(given),
    },
  }),
);

function changeOf(given: z.infer<typeof alteration>): SettingsChange {
  const { replicas, consistency, asOfWindow, thresholds: changed } = given;
  return {
    ...(replicas === undefined ? {} : { replicas }),
    ...(consistency === undefined ? {} : { consistency }),
    ...(asOfWindow === undefined ? {} : { asOfWindowMs: asOfWindow }),
    ...(changed === undefined ? {} : { thresholds: withoutUndefined(changed) }),
  };
}

function withoutUndefined(
  changed: z.infer<typeof changedThresholds>,
): Partial<CollectionSettings["thresholds"]> {
  return Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined));
}
