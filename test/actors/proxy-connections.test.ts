// A proxy that was disconnected since a request came in does nothing more for it in its name.
import { expect, test } from "vitest";
import { proxy } from "../../src/actors/proxy.js";
import type { Effect, Outcome } from "../../src/system/actor.js";

const fields = [
  { name: "id", type: "Int64", primaryKey: true },
  { name: "v", type: "FloatVector", dimension: 2, metric: "L2" },
];

function startProxy() {
  const state = proxy.initial({
    proxy: "p",
    requestsMax: 8,
    gathersFrom: 100,
    entryBytesMax: 1_000_000,
    channelBytesMax: 1e9,
  });
  let monotonicMs = 0;
  return (outcome: Outcome, afterMs = 0): readonly Effect[] => {
    monotonicMs += afterMs;
    const now = { monotonicMs, wallMs: 1_800_000_000_000 + monotonicMs };
    proxy.apply(state, outcome, now);
    return proxy.decide(state, now);
  };
}

function creation(connection: number): Outcome {
  const body = Buffer.from(JSON.stringify({ name: "docs", fields }));
  const subject = ["db", "create-collection"];
  const request = { id: "r1", subject, contentType: "json" as const, body, connection };
  return { kind: "ClientRequested", request };
}

const published = (effects: readonly Effect[]) =>
  effects.filter((effect) => effect.kind === "publish").length;

test("a command is refused when its connection ends, and never sent again", () => {
  const tell = startProxy();
  tell({ kind: "Started", incarnation: "p-1" });
  expect(published(tell(creation(1)))).toBe(1);
  const [answer] = tell({ kind: "Reconnected", connection: 2 });
  expect(answer).toMatchObject({
    kind: "respond",
    request: "r1",
    reply: { ok: false, error: { code: "unavailable", retryable: true } },
  });
  expect(published(tell({ kind: "TimerFired", id: "sweep" }, 5_000))).toBe(0);
});

test("a request that was read off a connection that has ended gives no command", () => {
  const tell = startProxy();
  tell({ kind: "Started", incarnation: "p-1" });
  tell({ kind: "Reconnected", connection: 2 });
  expect(published(tell(creation(1)))).toBe(0);
});
