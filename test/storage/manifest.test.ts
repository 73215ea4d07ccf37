// Manifests and roots survive their bytes, and what breaks a rule is refused with its reason.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  assertManifest,
  decodeManifest,
  decodeRoot,
  encodeManifest,
  encodeRoot,
  type Manifest,
  type ManifestSegment,
  objectKeysOf,
  type Root,
  rootKey,
} from "../../src/storage/manifest.js";

const object = (key: string) => ({ key, sha256: "0".repeat(64), bytes: 10 });

function segment(from: number, through: number, more: Partial<ManifestSegment> = {}) {
  const named = { id: `s${through}-1`, object: object(`c/d/segments/s${through}`) };
  const keyDigest = "00000000000000ff";
  const indexes: ManifestSegment["indexes"] = [];
  return { ...named, from, through, rowCount: 5, keyDigest, appliedThrough: 0, indexes, ...more };
}

const index = (field: string, key: string) => ({
  field,
  object: object(key),
  parameters: { M: 16, efConstruction: 200 },
});

const manifest: Manifest = {
  version: 1,
  collectionId: "c",
  channel: "d",
  epoch: 3,
  number: 9,
  checkpoint: { sequence: 40, appendedAtUs: 1_700_000_000_000_001, commit: 2n ** 63n + 1n },
  readableFrom: { sequence: 25, commit: 12_345_678_901_234_567_890n - 2n ** 63n },
  segments: [
    segment(0, 10, { appliedThrough: 25, indexes: [index("vector", "c/d/indexes/i1")] }),
    segment(10, 20),
    segment(30, 40, { indexes: [index("a", "c/d/indexes/i2"), index("b", "c/d/indexes/i3")] }),
  ],
  tombstones: [
    { from: 10, through: 20, count: 2, object: object("c/d/tombstones/1") },
    { from: 20, through: 40, count: 1, object: object("c/d/tombstones/2") },
  ],
};

const root: Root = {
  version: 1,
  collectionId: "c",
  channel: "d",
  epoch: 3,
  owner: "host-1/7",
  manifest: { key: "c/d/manifests/9", sha256: "a".repeat(64) },
  number: 9,
};

const jsonOf = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const reasonOf = (bytes: Uint8Array): string => {
  const decoded = decodeManifest(bytes);
  return decoded.ok ? "none" : decoded.reason;
};

describe("manifest", () => {
  it("survives its bytes, which are the same each time", () => {
    const bytes = encodeManifest(manifest);
    expect(decodeManifest(bytes)).toEqual({ ok: true, manifest });
    expect(encodeManifest(structuredClone(manifest))).toEqual(bytes);
    expect(jsonOf(bytes).checkpoint.commit).toBe("9223372036854775809");
    const empty = { ...manifest, segments: [], tombstones: [] };
    expect(decodeManifest(encodeManifest(empty))).toEqual({ ok: true, manifest: empty });
  });

  it("names all of its objects", () => {
    expect(objectKeysOf(manifest).sort()).toEqual([
      ...["c/d/indexes/i1", "c/d/indexes/i2", "c/d/indexes/i3"],
      ...["c/d/segments/s10", "c/d/segments/s20", "c/d/segments/s40"],
      ...["c/d/tombstones/1", "c/d/tombstones/2"],
    ]);
  });

  const faults: [string, Partial<Manifest>][] = [
    ["begins before 10", { segments: [segment(0, 10), segment(9, 20)] }],
    ["begins before 20", { segments: [segment(10, 20), segment(0, 10)] }],
    ["an empty segment", { segments: [segment(10, 10)] }],
    ["beyond 40", { segments: [segment(30, 41)] }],
    ["beyond 40", { tombstones: [{ from: 0, through: 41, count: 1, object: object("t") }] }],
    ["readable from 25", { segments: [segment(0, 10, { appliedThrough: 26 })] }],
    ["twice an id", { segments: [segment(0, 10), segment(10, 20, { id: "s10-1" })] }],
    [
      "twice an object",
      { segments: [segment(0, 10), segment(10, 20, { object: object("c/d/segments/s10") })] },
    ],
    [
      "twice an index",
      { segments: [segment(0, 10, { indexes: [index("a", "x"), index("a", "y")] })] },
    ],
    ["readable only after", { readableFrom: { sequence: 41, commit: 0n } }],
    ["readable only after", { readableFrom: { sequence: 0, commit: 2n ** 64n - 1n } }],
    ["keyDigest", { segments: [segment(0, 10, { keyDigest: "ff" })] }],
    ["rowCount", { segments: [segment(0, 10, { rowCount: 0 })] }],
    ["sha256", { segments: [segment(0, 10, { object: { ...object("k"), sha256: "x" } })] }],
    ["commit", { checkpoint: { ...manifest.checkpoint, commit: 2n ** 64n } }],
    ["channel", { channel: "../d" }],
  ];
  it.each(faults)("refuses a fault on both ways: %s", (reason, fault) => {
    expect(() => encodeManifest({ ...manifest, ...fault })).toThrow();
    const text = JSON.stringify({ ...manifest, ...fault }, (_, value) =>
      typeof value === "bigint" ? value.toString() : value,
    );
    expect(reasonOf(new TextEncoder().encode(text))).toContain(reason);
  });

  it("lets a segment be applied through what came before its first row", () => {
    assertManifest({ ...manifest, segments: [segment(30, 40, { appliedThrough: 30 })] });
  });

  it("refuses other versions, unknown fields and what is no JSON", () => {
    const value = jsonOf(encodeManifest(manifest));
    expect(reasonOf(bytesOf({ ...value, version: 2 }))).toContain("version 2 is unknown");
    expect(reasonOf(bytesOf({ ...value, surprise: 1 }))).toContain("surprise");
    expect(
      reasonOf(bytesOf({ ...value, checkpoint: { ...value.checkpoint, commit: "01" } })),
    ).toContain("commit");
    expect(reasonOf(bytesOf(null))).not.toBe("none");
    expect(reasonOf(Uint8Array.of(0x7b, 0xff))).not.toBe("none");
    expect(reasonOf(new Uint8Array(0))).not.toBe("none");
  });

  it("never throws, for any truncation, flipped bit or value", () => {
    const bytes = encodeManifest(manifest);
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeManifest(bytes.subarray(0, length)).ok).toBe(false);
    }
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 7));
      decodeManifest(flipped);
    }
    fc.assert(fc.property(fc.json(), (text) => !decodeManifest(new TextEncoder().encode(text)).ok));
  });
});

describe("root", () => {
  it("survives its bytes, with a manifest and before the first", () => {
    const first: Root = { ...root, epoch: 0, owner: "", manifest: null, number: 0 };
    expect(decodeRoot(encodeRoot(root))).toEqual(root);
    expect(decodeRoot(encodeRoot(first))).toEqual(first);
    expect(rootKey("d-0")).toBe("roots.d-0");
  });

  it("throws on what does not fit", () => {
    expect(() => encodeRoot({ ...root, manifest: null })).toThrow("without its manifest");
    expect(() => decodeRoot(bytesOf({ ...root, manifest: null }))).toThrow("without its manifest");
    expect(() => decodeRoot(bytesOf({ ...root, version: 2 }))).toThrow("version 2");
    expect(() => decodeRoot(bytesOf({ ...root, epoch: "3" }))).toThrow("epoch");
    expect(() => decodeRoot(new Uint8Array(0))).toThrow();
  });
});
