// The mailbox: order, supervision that nothing escapes, a measured depth, and an orderly end.
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Mailbox } from "../../src/system/mailbox.js";

const noCrash = (error: unknown) => {
  throw error;
};

describe("mailbox", () => {
  it("handles messages in order, one at a time", async () => {
    const seen: number[] = [];
    const mailbox = new Mailbox<number>("order", (message) => void seen.push(message), noCrash);
    for (let n = 0; n < 1_000; n += 1) mailbox.tell(n);
    expect(mailbox.depth).toBe(1_000);
    await mailbox.deliver(1_000);
    expect(seen).toEqual(Array.from({ length: 1_001 }, (_, n) => n));
    expect(mailbox.depth).toBe(0);
    expect(mailbox.depthMax).toBe(1_001);
    mailbox.stop();
  });

  it("handles what waits together, and lets others have their turn in between", async () => {
    const seen: number[] = [];
    const mailbox = new Mailbox<number>("turns", (message) => void seen.push(message), noCrash);
    for (let n = 0; n < 200; n += 1) mailbox.tell(n);
    const seenAtTurn: number[] = [];
    while (seen.length < 200) {
      await nextTurn();
      seenAtTurn.push(seen.length);
    }
    expect(seenAtTurn.length).toBeLessThan(12);
    expect(seenAtTurn).toContain(64);
    mailbox.stop();
  });

  it("tells of a crash and goes on with the next message", async () => {
    const crashes: unknown[] = [];
    const seen: number[] = [];
    const mailbox = new Mailbox<number>(
      "crash",
      (message) => {
        if (message === 1) throw new Error("one");
        seen.push(message);
      },
      (error, message) => void crashes.push([(error as Error).message, message]),
    );
    for (const n of [0, 1, 2]) mailbox.tell(n);
    await mailbox.deliver(3);
    expect(seen).toEqual([0, 2, 3]);
    expect(crashes).toEqual([["one", 1]]);
    mailbox.stop();
  });

  it("can be stopped by its own handler, which handles nothing after that", async () => {
    const seen: number[] = [];
    const mailbox = new Mailbox<number>(
      "self",
      (message) => {
        seen.push(message);
        if (message === 1) mailbox.stop();
      },
      noCrash,
    );
    const delivered = [0, 1, 2, 3].map((n) => mailbox.deliver(n));
    await Promise.all(delivered);
    await delay(10);
    expect(seen).toEqual([0, 1]);
    expect(mailbox.tell(4)).toBe(false);
    expect(mailbox.deadLetters).toBe(1);
  });

  it("drains what waits and takes no more", async () => {
    const seen: number[] = [];
    const mailbox = new Mailbox<number>("drain", (message) => void seen.push(message), noCrash);
    for (const n of [0, 1, 2]) mailbox.tell(n);
    const drained = mailbox.drain(5_000);
    expect(mailbox.tell(3)).toBe(false);
    await drained;
    expect(seen).toEqual([0, 1, 2]);
    await mailbox.deliver(4);
    expect(seen).toEqual([0, 1, 2]);
  });
});
