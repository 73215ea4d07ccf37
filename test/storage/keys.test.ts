// Object keys: distinct for distinct writers, and made of generated ids only.
import { describe, expect, it } from "vitest";
import {
  channelPrefix,
  indexObjectKey,
  manifestObjectKey,
  segmentObjectKey,
  sha256Hex,
  tombstonesObjectKey,
} from "../../src/storage/keys.js";
import { assertObjectKey, assertObjectPrefix } from "../../src/storage/object-store.js";

const sha256 = sha256Hex(new TextEncoder().encode("abc"));
const place = { collectionId: "c1", channel: "c1-0", epoch: 7, sha256 };
const { epoch: _epoch, ...built } = { ...place, segmentId: "s9-7", attempt: "t3" };

describe("object keys", () => {
  it("are hashes, epochs and ids under their channel", () => {
    expect(sha256).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const keys = [
      segmentObjectKey({ ...place, segmentId: "s9-7" }),
      tombstonesObjectKey({ ...place, from: 3, through: 9 }),
      manifestObjectKey({ ...place, number: 12 }),
      indexObjectKey(built),
    ];
    expect(keys).toEqual([
      "c1/c1-0/segments/s9-7-7-ba7816bf8f01cfea.arrow",
      "c1/c1-0/tombstones/3-9-7-ba7816bf8f01cfea.arrow",
      "c1/c1-0/manifests/12-7-ba7816bf8f01cfea.json",
      "c1/c1-0/indexes/s9-7-t3-ba7816bf8f01cfea.hnsw",
    ]);
    for (const key of keys) {
      assertObjectKey(key);
      expect(key.startsWith(channelPrefix(place))).toBe(true);
    }
    assertObjectPrefix(channelPrefix(place));
  });

  it("differ with the epoch, the range and the bytes", () => {
    const key = (change: object) => segmentObjectKey({ ...place, segmentId: "s9-7", ...change });
    const other = sha256Hex(new Uint8Array(0));
    const keys = [{}, { epoch: 8 }, { sha256: other }, { segmentId: "s9-8" }, { channel: "c1-1" }];
    expect(new Set(keys.map(key)).size).toBe(keys.length);
  });

  it("refuse what was not generated", () => {
    for (const collectionId of ["", "..", "a/b", "a b", "%2e%2e", "ü", "x".repeat(129)]) {
      expect(() => channelPrefix({ collectionId, channel: "c" }), collectionId).toThrow("no gen");
    }
    expect(() => segmentObjectKey({ ...place, segmentId: "../x" })).toThrow("no generated id");
    expect(() => manifestObjectKey({ ...place, number: -1 })).toThrow("no count");
    expect(() => manifestObjectKey({ ...place, number: 1, sha256: "../" })).toThrow("no SHA-256");
  });
});
