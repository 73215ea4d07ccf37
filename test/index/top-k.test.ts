// The heap and the merge against sorting everything.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTopK, mergeTopK } from "../../src/index/top-k.js";

// Few distinct values, so that most runs have ties.
const distanceArbitrary = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(Number.POSITIVE_INFINITY, Number.NaN, -0.5, 1e30),
);

function order(distance: number): number {
  return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.fround(distance);
}

interface Offer {
  readonly offset: number;
  readonly distance: number;
}

function sorted(offers: readonly Offer[]): Offer[] {
  return offers
    .map(({ offset, distance }) => ({ offset, distance: order(distance) }))
    .sort((a, b) => (a.distance === b.distance ? a.offset - b.offset : a.distance - b.distance));
}

describe("createTopK", () => {
  it("selects what sorting selects, ties by the smaller offset, whatever the order", () => {
    const offersArbitrary = fc.uniqueArray(
      fc.record({ offset: fc.nat(500), distance: distanceArbitrary }),
      { selector: (offer) => offer.offset, maxLength: 200 },
    );
    fc.assert(
      fc.property(offersArbitrary, fc.nat(50), (offers, k) => {
        const top = createTopK(k);
        for (const { offset, distance } of offers) top.offer(offset, distance);
        const { offsets, distances } = top.finish();
        const expected = sorted(offers).slice(0, k);
        expect([...offsets]).toEqual(expected.map((offer) => offer.offset));
        expect([...distances]).toEqual(expected.map((offer) => offer.distance));
      }),
      { numRuns: 500 },
    );
  });

  it("has a limit that no later row of a larger offset needs to reach", () => {
    const top = createTopK(2);
    expect(top.limit).toBeNaN();
    top.offer(4, 1);
    expect(top.limit).toBeNaN();
    top.offer(9, 3);
    expect(top.limit).toBe(3);
    top.offer(10, 3);
    expect(top.limit).toBe(3);
    top.offer(2, 2);
    expect(top.limit).toBe(2);
    expect([...top.finish().offsets]).toEqual([4, 2]);
  });

  it("bears k = 0 and the largest k", () => {
    const none = createTopK(0);
    none.offer(1, 1);
    expect(none.finish().offsets).toHaveLength(0);
    const many = createTopK(16_384);
    for (let offset = 0; offset < 20_000; offset += 1) many.offer(offset, (offset * 7919) % 20_000);
    const { distances } = many.finish();
    expect(distances).toHaveLength(16_384);
    expect(distances.every((distance, place) => distance === place)).toBe(true);
  });
});

describe("mergeTopK", () => {
  it("gives what sorting the concatenation gives", () => {
    const list = fc
      .array(fc.integer({ min: 0, max: 6 }), { maxLength: 12 })
      .map((values) => Float32Array.from(values).sort());
    fc.assert(
      fc.property(fc.array(list, { maxLength: 8 }), fc.nat(40), (lists, k) => {
        const merged = mergeTopK(
          lists.map((distances) => ({ distances })),
          k,
        );
        const expected = lists
          .flatMap((values, source) =>
            [...values].map((distance, position) => ({ distance, source, position })),
          )
          .sort((a, b) => a.distance - b.distance)
          .slice(0, k);
        expect([...merged.distances]).toEqual(expected.map((entry) => entry.distance));
        expect([...merged.sources]).toEqual(expected.map((entry) => entry.source));
        expect([...merged.positions]).toEqual(expected.map((entry) => entry.position));
      }),
      { numRuns: 500 },
    );
  });
});
