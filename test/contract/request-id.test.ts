// Message ids: the same for the same write, another as soon as anything about it is another.
import fc from "fast-check";
import { expect, it } from "vitest";
import { messageIdOf, type WriteIdentity } from "../../src/contract/request-id.js";

const write = fc.record({
  requestId: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
  part: fc.nat(),
  channel: fc.stringMatching(/^[A-Za-z0-9_-]{1,30}$/),
  bodyHashInput: fc.oneof(fc.string(), fc.uint8Array()),
});

const identity = ({ requestId, part, channel, bodyHashInput }: WriteIdentity) =>
  JSON.stringify([requestId, part, channel, bodyHashInput]);

it("two writes share a message id exactly when they are one", () => {
  fc.assert(
    fc.property(write, write, (left, right) => {
      expect(messageIdOf(left)).toBe(messageIdOf(structuredClone(left)));
      const mixed = { ...left, bodyHashInput: right.bodyHashInput };
      for (const other of [right, mixed, { ...left, part: left.part + 1 }]) {
        const same = identity(left) === identity(other);
        expect(messageIdOf(left) === messageIdOf(other)).toBe(same);
      }
    }),
  );
});

it("a message id fits a header, and text is not taken for bytes", () => {
  const given = { requestId: "r", part: 0, channel: "c-0", bodyHashInput: "a > 1" };
  expect(messageIdOf(given)).toMatch(/^[A-Za-z0-9_-]{24}$/);
  const bytes = { ...given, bodyHashInput: Buffer.from("a > 1") };
  expect(messageIdOf(bytes)).not.toBe(messageIdOf(given));
});

it("a message id stays what it is: brokers remember those of another version of the code", () => {
  const given = { requestId: "r", part: 2, channel: "c-0", bodyHashInput: "a > 1" };
  expect(messageIdOf(given)).toMatchInlineSnapshot(`"cg4Fr7MSNhppmb5CwLvhF48J"`);
});
