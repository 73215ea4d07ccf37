// Splitting into parts: nothing lost, nothing reordered, nothing too large, and always the same way.
import fc from "fast-check";
import { expect, it } from "vitest";
import { partsOf } from "../../src/client/parts.js";

const encode = (items: readonly string[], part: number) =>
  Buffer.from(JSON.stringify({ items, part }));
const decode = (body: Uint8Array) => JSON.parse(Buffer.from(body).toString());

it("parts hold all items in order, within the limits, the same ones every time", () => {
  const items = fc.array(fc.string({ maxLength: 200 }), { maxLength: 200 });
  const limits = fc.record({
    itemsMax: fc.integer({ min: 1, max: 50 }),
    bytesMax: fc.integer({ min: 40, max: 2_000 }),
  });
  fc.assert(
    fc.property(items, limits, (given, within) => {
      const parts = [...partsOf(given, encode, within)];
      const bodies = parts.map(({ body }) => decode(body));
      expect(bodies.flatMap((body) => body.items)).toEqual(given);
      expect(bodies.map((body) => body.part)).toEqual(parts.map((_, index) => index));
      for (const [index, { body, count }] of parts.entries()) {
        expect(count).toBe(bodies[index].items.length);
        expect(count).toBeLessThanOrEqual(within.itemsMax);
        if (count > 1) expect(body.length).toBeLessThanOrEqual(within.bytesMax);
      }
      expect([...partsOf(given, encode, within)]).toEqual(parts);
    }),
  );
});

it("an empty list is one part, so that the server can say what it thinks of it", () => {
  const parts = [...partsOf([], encode, { itemsMax: 10, bytesMax: 100 })];
  expect(parts.map(({ body }) => decode(body))).toEqual([{ items: [], part: 0 }]);
});
