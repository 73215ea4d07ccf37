// The index file's header: any damage to it is named, none gets through.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeHnswFile,
  encodeHnswHeader,
  type HnswHeader,
  hnswHeaderBytes,
} from "../../src/index/hnsw-file.js";
import { metrics } from "../../src/rows/schema.js";

const headerArbitrary: fc.Arbitrary<HnswHeader> = fc.record({
  metric: fc.constantFrom(...metrics),
  dimension: fc.integer({ min: 1, max: 32_768 }),
  count: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  parameters: fc.record({
    M: fc.integer({ min: 2, max: 512 }),
    efConstruction: fc.integer({ min: 4, max: 4096 }),
  }),
  scale: fc.integer({ min: -300, max: 300 }).map((exponent) => 2 ** exponent),
  payloadLength: fc.nat(300),
});

function fileOf(header: HnswHeader): Uint8Array {
  const payload = Uint8Array.from({ length: header.payloadLength }, (_, index) => index);
  return Buffer.concat([encodeHnswHeader(header), payload]);
}

const sample: HnswHeader = {
  metric: "IP",
  dimension: 96,
  count: 65_536,
  parameters: { M: 16, efConstruction: 200 },
  scale: 0.25,
  payloadLength: 40,
};

describe("the index file", () => {
  it("gives back what went in", () => {
    fc.assert(
      fc.property(headerArbitrary, (header) => {
        const file = fileOf(header);
        const decoded = decodeHnswFile(file);
        expect(decoded).toEqual({ ok: true, header, payload: file.subarray(hnswHeaderBytes) });
      }),
    );
  });

  it("reads from the middle of a larger buffer", () => {
    const shifted = Buffer.concat([Buffer.from("abc"), fileOf(sample)]).subarray(3);
    expect(decodeHnswFile(shifted)).toMatchObject({ ok: true, header: sample });
  });

  it("names every truncation", () => {
    const file = fileOf(sample);
    for (let length = 0; length < file.length; length += 1) {
      const decoded = decodeHnswFile(file.subarray(0, length));
      expect(decoded).toEqual({ ok: false, reason: "truncated" });
    }
  });

  it("names every flipped bit of the header", () => {
    for (let bit = 0; bit < hnswHeaderBytes * 8; bit += 1) {
      const file = Uint8Array.from(fileOf(sample));
      const byte = bit >> 3;
      file[byte] = (file[byte] as number) ^ (1 << (bit & 7));
      const reason =
        byte < 8 ? "not an index file" : byte < 12 ? "unknown format version" : "damaged header";
      expect(decodeHnswFile(file)).toEqual({ ok: false, reason });
    }
  });

  it("names bytes after its end, and a header that is sound but senseless", () => {
    const longer = Buffer.concat([fileOf(sample), Buffer.alloc(1)]);
    expect(decodeHnswFile(longer)).toEqual({ ok: false, reason: "longer than its header says" });
    for (const change of [{ dimension: 0 }, { dimension: 32_769 }, { count: 0 }, { scale: 0 }]) {
      const file = fileOf({ ...sample, ...change });
      expect(decodeHnswFile(file)).toEqual({ ok: false, reason: "damaged header" });
    }
  });
});
