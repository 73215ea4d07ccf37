// Which reads a barrier serves.
import { describe, expect, it } from "vitest";
import { createBarrier, isPassed, readBarrierBack, sendBarrier } from "../../src/log/barrier.js";

const at = (atMs: number, turn: number) => ({ atMs, turn });

describe("barrier", () => {
  it("serves a strong read only if it was sent after the read's arrival", () => {
    const barrier = createBarrier();
    const id = sendBarrier(barrier, "w", at(10, 5));
    expect(readBarrierBack(barrier, id ?? "")).toBe(true);
    expect(isPassed(barrier, { arrived: at(10, 5), maxAgeMs: 0 })).toBe(true);
    // Same time by the clock, but it came after the barrier had been sent.
    expect(isPassed(barrier, { arrived: at(10, 6), maxAgeMs: 0 })).toBe(false);
  });

  it("serves a bounded read if it was sent within the age that the read bears", () => {
    const barrier = createBarrier();
    readBarrierBack(barrier, sendBarrier(barrier, "w", at(100, 1)) ?? "");
    expect(isPassed(barrier, { arrived: at(150, 9), maxAgeMs: 50 })).toBe(true);
    expect(isPassed(barrier, { arrived: at(151, 9), maxAgeMs: 50 })).toBe(false);
  });

  it("has one in flight, which only its own entry ends", () => {
    const barrier = createBarrier();
    const id = sendBarrier(barrier, "w", at(1, 1));
    expect(sendBarrier(barrier, "w", at(2, 2))).toBeNull();
    expect(readBarrierBack(barrier, "another-1")).toBe(false);
    expect(readBarrierBack(barrier, id ?? "")).toBe(true);
    expect(sendBarrier(barrier, "w", at(3, 3))).not.toBe(id);
  });
});
