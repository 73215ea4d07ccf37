// Times as JetStream writes them, to the microsecond.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { microsecondsOf } from "../../src/system/jetstream.js";

describe("microsecondsOf", () => {
  it("reads fractions of any length", () => {
    const second = Date.UTC(2026, 0, 2, 3, 4, 5) * 1_000;
    expect(microsecondsOf("2026-01-02T03:04:05Z")).toBe(second);
    expect(microsecondsOf("2026-01-02T03:04:05.5Z")).toBe(second + 500_000);
    expect(microsecondsOf("2026-01-02T03:04:05.000001999Z")).toBe(second + 1);
    expect(microsecondsOf("2026-01-02T05:04:05.123456789+02:00")).toBe(second + 123_456);
    expect(() => microsecondsOf("yesterday")).toThrow("no time");
  });

  it("agrees with the nanoseconds that a delivery carries", () => {
    const nanoseconds = fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n });
    fc.assert(
      fc.property(nanoseconds, (time) => {
        const seconds = new Date(Number(time / 1_000_000_000n) * 1_000);
        const fraction = String(time % 1_000_000_000n)
          .padStart(9, "0")
          .replace(/0+$/, "");
        const text = seconds.toISOString().slice(0, 19) + (fraction === "" ? "" : `.${fraction}`);
        expect(microsecondsOf(`${text}Z`)).toBe(Number(time / 1_000n));
      }),
    );
  });
});
