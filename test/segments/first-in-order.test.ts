// The first few of many, against sorting all of them.
import fc from "fast-check";
import { expect, test } from "vitest";
import { firstInOrder } from "../../src/segments/first-in-order.js";

test("gives what sorting everything and cutting gives", () => {
  const values = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 });
  const limits = fc.option(fc.nat({ max: 70 }));
  fc.assert(
    fc.property(values, limits, (numbers, limit) => {
      const isBefore = (a: number, b: number) => {
        const difference = (numbers[a] as number) - (numbers[b] as number);
        return difference === 0 ? a < b : difference < 0;
      };
      const all = numbers.map((_, entry) => entry).sort((a, b) => (isBefore(a, b) ? -1 : 1));
      const expected = all.slice(0, limit ?? all.length);
      expect([...firstInOrder(numbers.length, limit, isBefore)]).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});
