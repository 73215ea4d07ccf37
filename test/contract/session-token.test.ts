// Session tokens: they come back as they were, merge to the later of both, and resist tampering.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packMessage } from "../../src/contract/message-pack.js";
import {
  encodeToken,
  mergeTokens,
  parseToken,
  type SessionToken,
} from "../../src/contract/session-token.js";

const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
const sequence = fc.maxSafeNat();
const positions = fc
  .uniqueArray(fc.tuple(name, sequence), { selector: ([channel]) => channel, maxLength: 64 })
  .map((pairs) => new Map(pairs));
const token = fc.record({ collectionId: fc.constant("c1"), positions, revision: sequence });

const text = (value: unknown) => Buffer.from(packMessage(value)).toString("base64url");

describe("a session token", () => {
  it("comes back as it was, and is the same text in whatever order it was filled", () => {
    fc.assert(
      fc.property(token, (given) => {
        expect(parseToken(encodeToken(given))).toEqual({ ok: true, token: given });
        const reversed = new Map([...given.positions].reverse());
        expect(encodeToken({ ...given, positions: reversed })).toBe(encodeToken(given));
      }),
    );
  });

  it("is read or refused, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.base64String(), fc.uint8Array().map(String)),
        (given) => {
          const read = parseToken(given);
          if (!read.ok) expect(read.error).toMatchObject({ code: "invalid-session", status: 400 });
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it("is refused, or read as another token, when one letter is another", () => {
    fc.assert(
      fc.property(token, fc.nat(), fc.stringMatching(/^[A-Za-z0-9_-]$/), (given, at, letter) => {
        const whole = encodeToken(given);
        const place = at % whole.length;
        const changed = whole.slice(0, place) + letter + whole.slice(place + 1);
        const read = parseToken(changed);
        if (read.ok && changed !== whole) expect(read.token).not.toEqual(given);
      }),
    );
  });

  it.each([
    ["nothing", ""],
    ["padding", `${text({ v: 1, c: "c1", p: [], r: 0 })}=`],
    ["another version", text({ v: 2, c: "c1", p: [], r: 0 })],
    ["a field more", text({ v: 1, c: "c1", p: [], r: 0, x: 1 })],
    ["a missing field", text({ v: 1, c: "c1", p: [] })],
    ["a collection that no subject could hold", text({ v: 1, c: "a.b", p: [], r: 0 })],
    ["a negative position", text({ v: 1, c: "c1", p: [["a", -1]], r: 0 })],
    ["a position of a half", text({ v: 1, c: "c1", p: [["a", 0.5]], r: 0 })],
    ["a position beyond 2^53", text({ v: 1, c: "c1", p: [["a", 2 ** 53]], r: 0 })],
    ["a position of 64 bits", text({ v: 1, c: "c1", p: [["a", 2n ** 60n]], r: 0 })],
    [
      "a channel twice",
      text({
        v: 1,
        c: "c1",
        p: [
          ["a", 1],
          ["a", 2],
        ],
        r: 0,
      }),
    ],
    [
      "too many channels",
      text({ v: 1, c: "c1", p: Array.from({ length: 65 }, (_, i) => [`c${i}`, 1]), r: 0 }),
    ],
    ["a list", text([1])],
    ["too much text", "A".repeat(20_000)],
  ])("with %s is refused", (_name, given) => {
    expect(parseToken(given)).toMatchObject({ ok: false, error: { code: "invalid-session" } });
  });
});

describe("merged tokens", () => {
  const merged = (left: SessionToken, right: SessionToken) => {
    const both = mergeTokens(left, right);
    if (both === null) throw new Error("of two collections");
    return both;
  };

  it("hold the later position of every channel, in either order, however often", () => {
    fc.assert(
      fc.property(token, token, (left, right) => {
        const both = merged(left, right);
        for (const [channel, position] of both.positions) {
          const known = [left.positions.get(channel) ?? -1, right.positions.get(channel) ?? -1];
          expect(position).toBe(Math.max(...known));
        }
        const channels = new Set([...left.positions.keys(), ...right.positions.keys()]);
        expect(both.positions.size).toBe(channels.size);
        expect(both.revision).toBe(Math.max(left.revision, right.revision));
        expect(encodeToken(merged(right, left))).toBe(encodeToken(both));
        expect(merged(both, left)).toEqual(both);
      }),
    );
  });

  it("are none when a collection was replaced by another of its name", () => {
    const left = { collectionId: "c1", positions: new Map(), revision: 1 };
    expect(mergeTokens(left, { ...left, collectionId: "c2" })).toBeNull();
  });
});
