// MessagePack at the edge: what comes back, and that nothing but plain data gets in.
import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, it } from "vitest";
import { packMessage, unpackMessage } from "../../src/contract/message-pack.js";

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false),
    fc.string({ unit: "grapheme" }),
    fc.double({ noNaN: true }).filter((number) => !Object.is(number, -0)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.array(tie("value")),
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      tie("value"),
      { noNullPrototype: true },
    ),
  ),
})).value;

function problemOf(...bytes: number[]): string {
  const read = unpackMessage(Uint8Array.from(bytes));
  return read.ok ? `accepted: ${JSON.stringify(read.value)}` : read.problem;
}

describe("MessagePack", () => {
  it("brings back what was packed, integers of 64 bits exactly", () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(unpackMessage(packMessage(value))).toEqual({ ok: true, value });
      }),
    );
  });

  it("is read from any place in a larger buffer", () => {
    const inner = packMessage({ a: [1, "two", 3n] });
    const outer = new Uint8Array(inner.length + 10).fill(0xc1);
    outer.set(inner, 5);
    const view = outer.subarray(5, 5 + inner.length);
    expect(unpackMessage(view)).toEqual({ ok: true, value: { a: [1, "two", 3n] } });
  });

  it("never throws, and reads nothing from a body that was cut short", () => {
    fc.assert(
      fc.property(plain, fc.nat(), (value, cut) => {
        const packed = packMessage(value);
        const read = unpackMessage(packed.subarray(0, cut % packed.length));
        expect(read.ok).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(typeof unpackMessage(bytes).ok).toBe("boolean");
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ["nothing", [], /middle/],
    ["two values", [0x01, 0x02], /1 bytes follow/],
    ["the unused byte", [0xc1], /no MessagePack/],
    ["an extension", [0xc7, 0x01, 0x05, 0x00], /extension/],
    [
      "a record, which the decoder compiles",
      [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01],
      /extension/,
    ],
    ["a regular expression", [0xd4, 0x78, 0x00, 0x92, 0xa1, 0x61, 0xa0], /extension/],
    ["a shared reference", [0xd6, 0x69, 0, 0, 0, 1, 0x90], /extension/],
    ["a timestamp", [0xd6, 0xff, 0, 0, 0, 0], /extension/],
    ["a key that is a number", [0x81, 0x01, 0x02], /key of a map must be a string/],
    ["a key that is a list", [0x81, 0x90, 0x02], /key of a map must be a string/],
    ["an array longer than the body", [0xdd, 0xff, 0xff, 0xff, 0xff], /middle/],
    ["a map longer than the body", [0xdf, 0x7f, 0xff, 0xff, 0xff, 0xa0], /middle/],
    ["a string longer than the body", [0xdb, 0xff, 0xff, 0xff, 0xff, 0x61], /middle/],
    ["a length that is cut off", [0xda, 0x00], /middle/],
    ["a number that is cut off", [0xcb, 0x00], /middle/],
    ["text that is no UTF-8", [0xa2, 0xc3, 0x28], /UTF-8/],
    ["half of a surrogate pair", [0xa3, 0xed, 0xa0, 0x80], /UTF-8/],
  ])("refuses %s", (_name, bytes, problem) => {
    expect(problemOf(...bytes)).toMatch(problem);
  });

  it("refuses __proto__, which the decoder would rename, and says where it stands", () => {
    const foreign = new Packr({ useRecords: false, variableMapSize: true });
    const row = JSON.parse('{"id":1,"__proto__":{"polluted":true}}');
    const packed = foreign.pack({ rows: [{ id: 0 }, row] });
    expect(unpackMessage(packed)).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/^body\[1\], byte \d+: the key '__proto__' is reserved$/),
    });
    expect(unpackMessage(foreign.pack({ key: "__proto__" }))).toMatchObject({ ok: true });
  });

  it("refuses nesting that would exhaust the decoder's stack", () => {
    const nested = (levels: number) => new Uint8Array(levels + 1).fill(0x91, 0, levels);
    expect(unpackMessage(nested(70)).ok).toBe(true);
    expect(unpackMessage(nested(71))).toMatchObject({ problem: expect.stringMatching(/nests/) });
    expect(unpackMessage(nested(1_000_000)).ok).toBe(false);
  });
});
