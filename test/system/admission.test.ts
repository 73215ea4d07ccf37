// What may wait at a time: up to the bound and not beyond, again and again.
import { expect, test } from "vitest";
import { Admission, OverloadedError } from "../../src/system/admission.js";

test("lets in up to its bound, and more once something has ended, well or badly", async () => {
  const admission = new Admission("bytes wait", 10);
  const ends: { resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
  const enter = (size: number) =>
    admission.during(size, () => new Promise((resolve, reject) => ends.push({ resolve, reject })));
  const first = enter(6);
  const second = enter(4);
  await expect(enter(1)).rejects.toThrow(OverloadedError);
  await expect(enter(1)).rejects.toThrow("overloaded: 10 of at most 10 bytes wait");
  expect(ends.length).toBe(2);
  ends[0]?.resolve("done");
  expect(await first).toBe("done");
  const third = enter(6);
  await expect(enter(1)).rejects.toThrow(OverloadedError);
  ends[1]?.reject(new Error("failed"));
  await expect(second).rejects.toThrow("failed");
  const fourth = enter(4);
  for (const { resolve } of ends.slice(2)) resolve("");
  await Promise.all([third, fourth]);
});

test("begins at once, so that what is asked in order begins in order", () => {
  const admission = new Admission("turns", 2);
  const begun: number[] = [];
  for (const turn of [1, 2]) void admission.during(1, async () => begun.push(turn));
  expect(begun).toEqual([1, 2]);
});
