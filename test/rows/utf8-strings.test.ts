// Strings survive their block of UTF-8, and a damaged block is refused.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeStrings, encodeStrings } from "../../src/rows/utf8-strings.js";

const roundTrip = (values: readonly string[]) =>
  decodeStrings(encodeStrings(values), values.length);
const encoded = (text: string, offsets: number[]) => ({
  bytes: new TextEncoder().encode(text),
  offsets: Int32Array.from(offsets),
});

describe("strings as UTF-8", () => {
  it("gives back any well-formed strings", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 20 })), (values) => {
        expect(roundTrip(values)).toEqual(values);
      }),
    );
  });

  it("gives back more strings, and longer ones, than are joined at once", () => {
    const many = Array.from({ length: 5000 }, (_, row) => (row % 9 === 0 ? `ä${row}` : `a${row}`));
    expect(roundTrip(many)).toEqual(many);
    const long = ["x".repeat(900_000), "ü".repeat(900_000), "", "y".repeat(900_000)];
    expect(roundTrip(long)).toEqual(long);
    expect(roundTrip(["\uFEFFmark", "nul\0", ""])).toEqual(["\uFEFFmark", "nul\0", ""]);
  });

  it("refuses a lone surrogate, and two that make a pair across strings", () => {
    for (const values of [["\ud800"], ["a\udc00b"], ["ok", "\ud83d", "\ude00"]]) {
      expect(() => encodeStrings(values)).toThrow("lone surrogate");
    }
  });

  it("refuses offsets and text that do not fit together", () => {
    const faults: [string, number[], number][] = [
      ["number of offsets", [0, 1], 2],
      ["first offset", [1, 3], 1],
      ["last offset", [0, 2], 1],
      ["do not ascend", [0, 2, 1, 3], 3],
      ["do not ascend", [0, -1, 3], 2],
      ["do not ascend", [0, 9, 3], 2],
    ];
    for (const [reason, offsets, count] of faults) {
      expect(() => decodeStrings(encoded("abc", offsets), count), reason).toThrow(reason);
    }
    expect(() => decodeStrings(encoded("aü", [0, 2, 3]), 2)).toThrow("splits a character");
    const latin1 = { bytes: Uint8Array.of(0x61, 0xfc), offsets: Int32Array.of(0, 2) };
    expect(() => decodeStrings(latin1, 1)).toThrow("not UTF-8");
  });
});
