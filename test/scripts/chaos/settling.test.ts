// When approximate answers can be compared: nothing moves, and replicas hold the same.
import { expect, it } from "vitest";
import { arrangementOf } from "../../../scripts/chaos/settling.js";
import type { HostDescription } from "../../../src/client/types.js";

function host(actor: string, phase: string, figures: Readonly<Record<string, number>>) {
  const one = { name: actor, actor, channel: "a-0", phase, cause: null, figures };
  const process = { pid: 1, hostname: "here", startedAt: "", silentMs: 0, drain: null };
  return { ...process, host: "h", roles: [], actors: [one] } satisfies HostDescription;
}

const held = { segments: 3, indexed: 2, growingRows: 0, position: 17 };

it("is the same whatever only counts on, and another one with another segment or index", () => {
  const first = arrangementOf([host("query-worker", "serving", held)]);
  expect(first).toContain("a-0");
  expect(arrangementOf([host("query-worker", "serving", { ...held, position: 99 })])).toBe(first);
  expect(arrangementOf([host("query-worker", "serving", { ...held, indexed: 3 })])).not.toBe(first);
});

it("is none while a worker is on its way, or where replicas differ", () => {
  const serving = host("query-worker", "serving", held);
  expect(arrangementOf([host("query-worker", "loading", held)])).toBeNull();
  expect(arrangementOf([serving, host("data-worker", "taking", held)])).toBeNull();
  const behind = host("query-worker", "serving", { ...held, segments: 2 });
  expect(arrangementOf([serving, behind])).toBeNull();
  expect(arrangementOf([serving, host("query-worker", "serving", held)])).not.toBeNull();
});
