// The proxy slows writers down: behind a data worker that lags, and at a channel that is full.
import { describe, expect, it } from "vitest";
import { ChannelMeasured } from "../../src/messages/control.js";
import { one } from "./driven.js";
import {
  acknowledge,
  appends,
  ask,
  type DrivenProxy,
  errorCode,
  proxyWith,
} from "./proxy-world.js";
import { recordEntry, recordWith } from "./small-collection.js";

const oneShard = recordEntry(recordWith({ channels: ["c1-0"] }));
const rows = [{ id: 1, vector: [1, 0] }];
const measured = (driven: DrivenProxy, fields = {}) =>
  driven.tell({
    kind: "Announced",
    message: ChannelMeasured.create({
      ...{ channel: "c1-0", position: 10, bytes: 100, held: false },
      ...fields,
    }),
  });
const insert = (driven: DrivenProxy) => ask(driven, "main.docs.insert", { rows });

/** The log is far ahead of what the data worker has said. */
function lagging(fields = {}) {
  const driven = proxyWith(oneShard);
  measured(driven, fields);
  const [first] = appends(insert(driven));
  if (first === undefined) throw new Error("the first insert goes through");
  acknowledge(driven, first, 20_000);
  return driven;
}

describe("a data worker that lags", () => {
  it("has writers wait until it has caught up", () => {
    const driven = lagging();
    expect(appends(insert(driven))).toEqual([]);
    expect(appends(driven.pass(50, "sweep"))).toEqual([]);
    expect(appends(measured(driven, { position: 19_000 }))).toHaveLength(1);
  });

  it("has them told to come again when that takes long", () => {
    const driven = lagging();
    insert(driven);
    expect(errorCode(driven.pass(1_100, "sweep"))).toBe("overloaded");
    expect(driven.state.requests.size).toBe(0);
  });

  it("has no write begun whose deadline has passed", () => {
    const driven = lagging();
    ask(driven, "main.docs.insert", { rows, timeoutMs: 100 });
    driven.monotonicMs += 100;
    expect(appends(measured(driven, { position: 19_000 }))).toEqual([]);
    const swept = driven.pass(50, "sweep");
    expect(appends(swept)).toEqual([]);
    expect(errorCode(swept)).toBe("deadline-exceeded");
  });

  it("is not told of again when its client's connection has ended meanwhile", () => {
    const driven = lagging();
    ask(driven, "main.docs.insert", { rows }, 1);
    driven.tell({ kind: "Reconnected", connection: 2 });
    const [append] = appends(measured(driven, { position: 19_000 }));
    // Nobody publishes for a connection that is over: that is seen by this number.
    expect(append?.connection).toBe(1);
  });

  it("stops nobody once it is silent, or waits for the object store itself", () => {
    const silent = lagging();
    silent.pass(7_000, "sweep");
    expect(appends(insert(silent))).toHaveLength(1);
    expect(appends(insert(lagging({ held: true })))).toHaveLength(1);
  });
});

describe("a channel that holds all that it may", () => {
  it("takes no rows, but deletes", () => {
    const driven = proxyWith(oneShard, { channelBytesMax: 1_000 });
    measured(driven, { bytes: 1_000 });
    const refused = insert(driven);
    expect(errorCode(refused)).toBe("full");
    expect(one(refused, "respond").reply).toMatchObject({
      error: { status: 507, hint: expect.stringContaining("more shards") },
    });
    expect(appends(ask(driven, "main.docs.delete", { ids: [1] }))).toHaveLength(1);
    measured(driven, { bytes: 900 });
    expect(appends(insert(driven))).toHaveLength(1);
  });

  it("counts all that was written behind a held worker, in however many entries", () => {
    const [append] = appends(insert(proxyWith(oneShard)));
    const message = append?.message;
    const bytes = message?.kind === "RowsInserted" ? message.rows.byteLength : 0;
    const fitting = 8_192 + 300;
    const driven = proxyWith(oneShard, { channelBytesMax: 100 + fitting * bytes });
    measured(driven, { held: true });
    for (let written = 0; written < fitting; written++) {
      const [one] = appends(insert(driven));
      if (one === undefined) throw new Error(`insert ${written} of ${fitting} is refused`);
      acknowledge(driven, one, 11 + written);
    }
    expect(errorCode(insert(driven))).toBe("full");
    measured(driven, { held: true, position: 8_192 });
    expect(appends(insert(driven))).toHaveLength(1);
  });
});
