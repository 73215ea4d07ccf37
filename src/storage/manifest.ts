// The manifest of a channel: its complete state at its checkpoint, and the root that names it.
import assert from "node:assert/strict";
import { z } from "zod";
import { reasonOf } from "../rows/malformed.js";
import { indexParametersSchema } from "../rows/schema.js";

const manifestFormatVersion = 1;

const token = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);
const sequence = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const objectKey = z.string().min(1).max(1024);
const timestampMax = 2n ** 64n - 1n;

/** A hybrid timestamp has more digits than a JSON number keeps: it is stored as decimal text. */
const timestamp = z.codec(
  z.string().regex(/^(0|[1-9][0-9]{0,19})$/),
  z.bigint().min(0n).max(timestampMax),
  { decode: (text) => BigInt(text), encode: (value) => value.toString() },
);

const objectReference = z.strictObject({ key: objectKey, sha256, bytes: z.int().min(0) });

const indexSchema = z.strictObject({
  field: z.string().min(1),
  object: objectReference,
  parameters: z.strictObject({
    M: indexParametersSchema.shape.M.unwrap(),
    efConstruction: indexParametersSchema.shape.efConstruction.unwrap(),
  }),
});

/** The rows that were born in (from, through], but for those that compaction left out. */
const segmentSchema = z.strictObject({
  id: token,
  from: sequence,
  through: sequence,
  rowCount: z.int().min(1),
  keyDigest: z.string().regex(/^[0-9a-f]{16}$/),
  object: objectReference,
  /** Rows that died at or before this sequence may have been left out. 0: all rows are here. */
  appliedThrough: sequence,
  indexes: z.array(indexSchema),
});

/** The deletes in (from, through]. */
const tombstonesSchema = z.strictObject({
  from: sequence,
  through: sequence,
  count: z.int().min(1),
  object: objectReference,
});

const manifestSchema = z.strictObject({
  version: z.literal(manifestFormatVersion),
  collectionId: token,
  channel: token,
  epoch: z.int().min(0),
  /** One more with each commit. */
  number: z.int().min(1),
  /** The last entry that the manifest covers; with its append time a reader knows it again. */
  checkpoint: z.strictObject({ sequence, appendedAtUs: z.int().min(0), commit: timestamp }),
  /** The oldest position that can still be read. */
  readableFrom: z.strictObject({ sequence, commit: timestamp }),
  segments: z.array(segmentSchema),
  tombstones: z.array(tombstonesSchema),
});

const rootSchema = z.strictObject({
  version: z.literal(manifestFormatVersion),
  collectionId: token,
  channel: token,
  /** One more with each owner. */
  epoch: z.int().min(0),
  /** The incarnation of the worker that may commit. */
  owner: z.string(),
  manifest: z.strictObject({ key: objectKey, sha256 }).nullable(),
  number: z.int().min(0),
});

type DeepReadonly<Value> = Value extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : Value extends object
    ? { readonly [Field in keyof Value]: DeepReadonly<Value[Field]> }
    : Value;

export type Manifest = DeepReadonly<z.output<typeof manifestSchema>>;
export type ManifestSegment = Manifest["segments"][number];
export type ManifestIndex = ManifestSegment["indexes"][number];
export type ManifestTombstones = Manifest["tombstones"][number];
/** The one key of a channel that changes by compare-and-set; all else hangs on it. */
export type Root = DeepReadonly<z.output<typeof rootSchema>>;

export type DecodedManifest =
  | { readonly ok: true; readonly manifest: Manifest }
  | { readonly ok: false; readonly reason: string };

/** The metadata key of a channel's root. */
export const rootKey = (channel: string): string => `roots.${channel}`;

/** The same manifest gives the same bytes. Throws on one that breaks its own rules. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  assertManifest(manifest);
  return encodeJson(z.encode(manifestSchema, manifest as z.output<typeof manifestSchema>));
}

/** Never throws. */
export function decodeManifest(bytes: Uint8Array): DecodedManifest {
  try {
    const manifest = parseJson(manifestSchema, bytes);
    assertManifest(manifest);
    return { ok: true, manifest };
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  }
}

export function encodeRoot(root: Root): Uint8Array {
  assert((root.manifest === null) === (root.number === 0), "a root without its manifest");
  return encodeJson(z.encode(rootSchema, root as z.output<typeof rootSchema>));
}

/** Throws on a root that does not fit: then the metadata store is damaged. */
export function decodeRoot(value: Uint8Array): Root {
  const root = parseJson(rootSchema, value);
  assert((root.manifest === null) === (root.number === 0), "a root without its manifest");
  return root;
}

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** The version is looked at first: what a newer one means is not for this code to say. */
function parseJson<Schema extends z.ZodType>(schema: Schema, bytes: Uint8Array): z.output<Schema> {
  const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  const version = z.object({ version: z.unknown() }).parse(value).version;
  if (version !== manifestFormatVersion) throw new Error(`version ${String(version)} is unknown`);
  const parsed = z.safeDecode(schema, value as z.input<Schema>);
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  return parsed.data;
}

/** What holds of every manifest, beyond the types of its fields. */
export function assertManifest(manifest: Manifest): void {
  const { checkpoint, readableFrom, segments, tombstones } = manifest;
  assert(readableFrom.sequence <= checkpoint.sequence, "readable only after the checkpoint");
  assert(readableFrom.commit <= checkpoint.commit, "readable only after the checkpoint's time");
  assertRanges("segment", segments, checkpoint.sequence);
  assertRanges("range of tombstones", tombstones, checkpoint.sequence);
  for (const segment of segments) assertSegment(segment, readableFrom.sequence);
  assertDistinct(
    "id",
    segments.map(({ id }) => id),
  );
  assertDistinct("object", objectKeysOf(manifest));
}

/** The keys of all objects that a manifest names. */
export function objectKeysOf({ segments, tombstones }: Manifest): string[] {
  const ofSegments = segments.flatMap(({ object, indexes }) => [
    object.key,
    ...indexes.map((index) => index.object.key),
  ]);
  return [...ofSegments, ...tombstones.map(({ object }) => object.key)];
}

/** In log order, disjoint, and covered by the checkpoint. */
function assertRanges(
  what: string,
  ranges: readonly { readonly from: number; readonly through: number }[],
  checkpoint: number,
): void {
  let end = 0;
  for (const { from, through } of ranges) {
    assert(from < through, `an empty ${what} (${from}, ${through}]`);
    assert(from >= end, `a ${what} (${from}, ${through}] that begins before ${end}`);
    assert(through <= checkpoint, `a ${what} (${from}, ${through}] beyond ${checkpoint}`);
    end = through;
  }
}

/** What is still readable was not left out; a row dies after its birth. */
function assertSegment({ id, from, appliedThrough, indexes }: ManifestSegment, readable: number) {
  const latest = Math.max(from, readable);
  assert(appliedThrough <= latest, `segment ${id} lacks rows that are readable from ${readable}`);
  assertDistinct(
    `index of segment ${id}`,
    indexes.map(({ field }) => field),
  );
}

function assertDistinct(what: string, values: readonly string[]): void {
  const seen = new Set<string>();
  for (const value of values) {
    assert(!seen.has(value), `'${value}' is twice an ${what}`);
    seen.add(value);
  }
}
