// Copies of requests: when they are sent, whose answer counts, and how many there may be.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createHedging } from "../../src/client/hedging.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A request whose copies end when the test says so. */
function request() {
  const copies: Deferred<string>[] = [];
  const lefts: number[] = [];
  const send = (leftMs: number) => {
    const copy = deferred<string>();
    copies.push(copy);
    lefts.push(leftMs);
    return copy.promise;
  };
  return { copies, lefts, send };
}

interface Deferred<Value> {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(reason: Error): void;
}

function deferred<Value>(): Deferred<Value> {
  let resolve: Deferred<Value>["resolve"] = () => undefined;
  let reject: Deferred<Value>["reject"] = () => undefined;
  const promise = new Promise<Value>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}

it("sends two copies at most, each for the time that is left", async () => {
  const { lefts, send } = request();
  void createHedging()(10_000, send);
  expect(lefts).toEqual([10_000]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(lefts).toEqual([10_000, 9_000]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(lefts).toEqual([10_000, 9_000, 7_000]);
});

it("sends none after the answer, and none past the time that the attempt has", async () => {
  const [answered, short] = [request(), request()];
  const hedged = createHedging();
  const answer = hedged(10_000, answered.send);
  answered.copies[0]?.resolve("done");
  expect(await answer).toBe("done");
  void hedged(1_000, short.send);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(answered.lefts).toHaveLength(1);
  expect(short.lefts).toHaveLength(1);
});

it("takes the first end of any copy, be it an error", async () => {
  const [first, second] = [request(), request()];
  const hedged = createHedging();
  const [answer, failure] = [hedged(10_000, first.send), hedged(10_000, second.send)];
  await vi.advanceTimersByTimeAsync(1_000);
  first.copies[1]?.resolve("of the copy");
  second.copies[0]?.reject(new Error("refused"));
  await expect(failure).rejects.toThrow("refused");
  expect(await answer).toBe("of the copy");
});

it("sends no more copies than a share of the answers, once a number at once is used up", async () => {
  const hedged = createHedging();
  const silent = Array.from({ length: 200 }, () => request());
  for (const { send } of silent) void hedged(2_000, send);
  await vi.advanceTimersByTimeAsync(1_000);
  const copies = () => silent.reduce((sum, { lefts }) => sum + lefts.length - 1, 0);
  expect(copies()).toBe(50);
  for (let count = 0; count < 30; count += 1) await hedged(2_000, async () => "done");
  const late = Array.from({ length: 10 }, () => request());
  for (const { send } of late) void hedged(2_000, send);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(late.filter(({ lefts }) => lefts.length > 1)).toHaveLength(3);
});
