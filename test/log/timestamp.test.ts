// Hybrid timestamps sort by time, carry into the next millisecond, and are clamped to the broker's.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  clampTo,
  fromMs,
  hybrid,
  logicalMax,
  logicalOf,
  next,
  toIso,
  toMs,
} from "../../src/log/timestamp.js";

const milliseconds = fc.integer({ min: 0, max: 2 ** 46 - 2 });
const logical = fc.integer({ min: 0, max: logicalMax });

describe("hybrid timestamps", () => {
  it("give back their time and their counter", () => {
    fc.assert(
      fc.property(milliseconds, logical, (ms, counter) => {
        const timestamp = hybrid(ms, counter);
        expect(toMs(timestamp)).toBe(ms);
        expect(logicalOf(timestamp)).toBe(counter);
      }),
    );
  });

  it("sort by time, then by counter", () => {
    fc.assert(
      fc.property(milliseconds, logical, milliseconds, logical, (ms, counter, ms2, counter2) => {
        const earlier = ms < ms2 || (ms === ms2 && counter < counter2);
        expect(hybrid(ms, counter) < hybrid(ms2, counter2)).toBe(earlier);
      }),
    );
  });

  it("move to the next millisecond when the counter is full", () => {
    expect(next(hybrid(1_000, logicalMax))).toBe(fromMs(1_001));
    expect(next(fromMs(1_000))).toBe(hybrid(1_000, 1));
  });

  it("take fractions of a millisecond down and times before 1970 as 1970", () => {
    expect(fromMs(12.9)).toBe(fromMs(12));
    expect(fromMs(-1)).toBe(0n);
    expect(() => hybrid(1, logicalMax + 1)).toThrow("logical");
    expect(() => hybrid(1, -1)).toThrow("logical");
  });

  it("show their time to people, whatever it is", () => {
    expect(toIso(hybrid(1_700_000_000_123, 7))).toBe("2023-11-14T22:13:20.123Z");
    expect(toIso(fromMs(2 ** 53))).toBe("9007199254740992 ms");
  });

  it("lie within the tolerance of the append time after clamping, and stay if they did", () => {
    fc.assert(
      fc.property(milliseconds, logical, milliseconds, (ms, counter, appended) => {
        const stamp = hybrid(ms, counter);
        const clamped = clampTo(stamp, appended, 1_000);
        expect(clamped >= fromMs(appended - 1_000)).toBe(true);
        expect(clamped <= fromMs(appended + 1_000)).toBe(true);
        if (Math.abs(ms - appended) < 1_000) expect(clamped).toBe(stamp);
      }),
    );
  });

  it("keep one hour ahead and one hour behind to a second", () => {
    const hour = 3_600_000;
    expect(clampTo(fromMs(10 * hour), 9 * hour, 1_000)).toBe(fromMs(9 * hour + 1_000));
    expect(clampTo(fromMs(8 * hour), 9 * hour, 1_000)).toBe(fromMs(9 * hour - 1_000));
  });
});
