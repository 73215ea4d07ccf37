// The tidy checks can fail: each finds its planted violation, and lets its nearest neighbour pass.
import { describe, expect, test } from "vitest";
import { impureBelow } from "./closure.js";
import { actorsThatKnowActors, strayEngines, wrongDirections } from "./direction.js";
import { impurities, unrepeatable } from "./purity.js";
import { brokenImports, shippedTestParts, unreachable } from "./reach.js";
import { missingPurpose, overlongFiles, overlongFunctions, swallowedErrors } from "./shape.js";
import { type Finding, parse, type Source } from "./source.js";
import { bannedText } from "./text.js";

type Check = (source: Source) => readonly Finding[];

/** `bad` texts give one finding each at the path, `good` ones none. */
function plant(check: Check, path: string, bad: readonly string[], good: readonly string[]): void {
  for (const text of bad) {
    test(`${path}: refuses ${shown(text)}`, () => {
      expect(check(parse(path, text)).map((found) => found.path)).toEqual([path]);
    });
  }
  for (const text of good) {
    test(`${path}: accepts ${shown(text)}`, () => expect(check(parse(path, text))).toEqual([]));
  }
}

function shown(text: string): string {
  return text.length < 80 ? text : `${text.slice(0, 20)}... of ${text.split("\n").length} lines`;
}

describe("actors know no actor", () => {
  plant(
    actorsThatKnowActors,
    "src/actors/proxy.ts",
    [
      'import { oracle } from "./timestamp-oracle.js";',
      'import type { State } from "./data-worker/state.js";',
      'export * from "./coordinator.js";',
      'const load = () => import("./coordinator.js");',
      'type State = import("./coordinator.js").State;',
    ],
    ['import { route } from "./proxy/route.js";', '// import "./coordinator.js";'],
  );
  plant(
    actorsThatKnowActors,
    "src/actors/proxy/route.ts",
    ['import { place } from "../coordinator/place.js";'],
    ['import { State } from "../proxy.js";', 'import { z } from "./retry.js";'],
  );
});

describe("each engine has one file", () => {
  plant(
    strayEngines,
    "src/system/host.ts",
    [
      'import { start } from "nact";',
      'import type { NatsConnection } from "nats";',
      'import { JetStreamClient } from "@nats-io/jetstream";',
      'import { HierarchicalNSW } from "hnswlib-node";',
      'import { S3Client } from "@aws-sdk/client-s3";',
      'const { Etcd3 } = require("etcd3");',
      'const redis = await import("ioredis");',
    ],
    ['import { connect } from "./nats.js";', 'const name = "nats";', 'import "natsort";'],
  );
  plant(
    strayEngines,
    "src/system/nats.ts",
    ['import "nact";'],
    ['import { connect } from "nats";'],
  );
  plant(strayEngines, "test/client/foreign-peer.test.ts", [], ['import { connect } from "nats";']);
});

describe("actors are pure", () => {
  plant(
    impurities,
    "src/actors/proxy.ts",
    [
      "const at = Date.now();",
      "const at = new Date();",
      "const at = new Date;",
      "const at = new Date(2026, 1);",
      "const { now } = Date;",
      "const at = performance.now();",
      "const dice = Math.random();",
      "const { random } = Math;",
      'const dice = Math["random"]();',
      "setTimeout(stop, 5);",
      "const timer = setInterval;",
      "const url = process.env;",
      "const id = crypto.randomUUID();",
      "const clock = globalThis;",
      "const shown = { process };",
      "async function wait() {}",
      "const wait = async () => 1;",
      "await ready;",
      "const later = Promise.resolve(1);",
      "console.log(1);",
      "const here = import.meta.url;",
      'import { readFileSync } from "node:fs";',
      'import fs from "fs/promises";',
      'import { randomUUID } from "node:crypto";',
      'import * as hashes from "node:crypto";',
      'import pino from "pino";',
    ],
    [
      "// Date.now() and Math.random() are banned here.",
      'const text = "Date.now() process.env await";',
      "const at = Date.parse(text);",
      "const text = new Date(now.wallMs).toISOString();",
      "const larger = Math.max(1, 2);",
      "const at = message.process.performance.Date;",
      "const kinds = { process: 1, Date: 2 };",
      "interface Hold { process: string; promise: Promise<Date> }",
      "type Clock = { now: Date };",
      'import { createHash } from "node:crypto";',
      'import { Buffer } from "node:buffer";',
      'import { z } from "zod";',
    ],
  );
});

describe("actors are pure all the way down", () => {
  const isActor = (path: string) => path.startsWith("src/actors/");
  const keys = parse("src/storage/keys.ts", 'import { stamp } from "./stamp.js";');
  const stamp = parse("src/storage/stamp.ts", "export const stamp = () => Date.now();");
  const messagesOf = (actor: string) =>
    impureBelow([parse("src/actors/proxy.ts", actor), keys, stamp], isActor).map(
      ({ path, message }) => `${path} ${message}`,
    );

  test("names the impure file and the way to it", () => {
    const [message, ...more] = messagesOf('import { keyOf } from "../storage/keys.js";');
    expect(message).toMatch(/^src\/storage\/stamp.ts 'Date'/);
    expect(message).toContain("src/actors/proxy.ts -> src/storage/keys.ts -> src/storage/stamp.ts");
    expect(more).toEqual([]);
  });
  test("lets a file await while it loads, and never later", () => {
    const below = (text: string) => {
      const uses = parse("src/actors/proxy.ts", 'import { hash } from "../storage/hash.js";');
      return impureBelow([uses, parse("src/storage/hash.ts", text)], isActor).length;
    };
    expect(below("const hash = await compile();")).toBe(0);
    expect(below("const hash = async () => await compile();")).toBe(1);
  });
  test("does not follow types", () => {
    expect(messagesOf('import type { Key } from "../storage/keys.js";')).toEqual([]);
  });
});

describe("the simulation repeats itself", () => {
  plant(
    unrepeatable,
    "src/simulation/world.ts",
    ["const at = Date.now();", "await new Promise((go) => setTimeout(go, 1));", "Math.random();"],
    ["await step();", "const one = Math.max(1, random.next());", "world.setTimeout(1);"],
  );
});

describe("imports point one way", () => {
  const actor = 'import { defineActor } from "../system/actor.js";';
  plant(
    wrongDirections,
    "src/actors/proxy.ts",
    ['import { start } from "../system/host.js";', 'import { Client } from "../client/client.js";'],
    [actor, 'import { apply } from "../log/channel-fold.js";'],
  );
  plant(
    wrongDirections,
    "src/messages/wal.ts",
    [actor, 'import { encode } from "../storage/manifest.js";'],
    ['import { z } from "zod";', 'import { fieldSchema } from "../rows/schema.js";'],
  );
  plant(wrongDirections, "src/rows/schema.ts", ['import "../messages/wal.js";'], []);
  plant(wrongDirections, "src/index/hnsw.ts", [actor, 'import "../actors/proxy.js";'], []);
  plant(wrongDirections, "src/storage/keys.ts", [actor], ['import "../messages/wal.js";']);
  plant(wrongDirections, "src/filter/parse.ts", [actor], ['import "../rows/schema.js";']);
  plant(
    wrongDirections,
    "src/client/client.ts",
    [actor],
    ['import { connect } from "../system/nats.js";'],
  );
  plant(
    wrongDirections,
    "src/system/host.ts",
    ['import "../../scripts/elanus.js";', 'import "../simulation/world.js";'],
    [actor, 'import { proxy } from "../actors/proxy.js";', 'import "./settings.json";'],
  );
  plant(wrongDirections, "src/new/thing.ts", ["export const one = 1;"], []);
});

describe("files look alike", () => {
  const lines = (count: number) => "one();\n".repeat(count);
  const purpose = "// What it is for.\n";
  plant(overlongFiles, "src/rows/a.ts", [lines(401), "x".repeat(101)], [lines(400)]);
  plant(
    overlongFunctions,
    "src/rows/a.ts",
    [`function f() {\n${lines(69)}}`, `const f = () => {\n${lines(69)}};`],
    [`function f() {\n${lines(68)}}`, `class A {\n${lines(80)}}`],
  );
  plant(
    missingPurpose,
    "scripts/a.ts",
    ["const a = 1;", "\n// Late.", "// no sentence\nconst a = 1;", "/** Of another kind. */"],
    [purpose, `#!/usr/bin/env node\n${purpose}`, "// What it is for,\n// on two lines.\n"],
  );
  plant(
    swallowedErrors,
    "scripts/a.ts",
    [
      "try { f(); } catch {}",
      "try { f(); } catch (error) {\n// It is nothing.\n}",
      "f().catch(() => {});",
      "f().catch(() => undefined);",
      "f().catch(function () {});",
    ],
    ["try { f(); } catch { failed = true; }", "f().catch(report);", "f().catch(() => null);"],
  );
});

describe("nothing is left over", () => {
  const used = parse("src/rows/used.ts", "");
  const threaded = parse("src/index/thread.ts", "");
  const unused = parse("src/rows/unused.ts", 'import "./used.js";');
  const script = parse(
    "scripts/go.ts",
    `import "../src/rows/used.js"; new URL("../src/index/thread.js", import.meta.url);`,
  );
  const all = [used, threaded, unused, script];

  test("finds a file to which nothing leads", () => {
    const found = unreachable(all, [script.path], {});
    expect(found.map(({ path }) => path)).toEqual([unused.path]);
  });
  test("finds what only tests may run", () => {
    const find = (name: string) => shippedTestParts(all, [script.path], (path) => path === name);
    expect(find(threaded.path).map(({ path }) => path)).toEqual([threaded.path]);
    expect(find(unused.path)).toEqual([]);
  });
  test("knows exceptions", () => {
    expect(unreachable(all, [script.path], { [unused.path]: "read by hand" })).toEqual([]);
  });
  test("finds an import that leads nowhere", () => {
    expect(brokenImports([script, used]).map(({ message }) => message)).toEqual([
      "there is no src/index/thread.ts",
    ]);
    expect(brokenImports(all)).toEqual([]);
  });
});

describe("texts", () => {
  const slash = "/"; // The planted paths are put together, or the check would find them here.
  const find = (text: string) => bannedText({ path: "README.md", text }).length;

  test.each([
    `// ${"to"}${"do"}: later`.toUpperCase(),
    `cd ${slash}work/main`,
    `"${slash}tmp/elanus"`,
    `${slash}home/someone/.npmrc`,
    `https:${slash}/registry${"."}npmjs.org/zod`,
    `"resolved": ${'"https'}`,
    `see ${"issue"} #12`,
  ])("refuses %j", (text) => expect(find(text)).toBe(1));

  test.each([
    "src/rows/work/a.ts",
    ["..", "tmp", "elanus"].join(slash),
    "https://example.org/home/page",
    "a method is resolved: later",
    "the issue is 12 rows",
  ])("accepts %j", (text) => expect(find(text)).toBe(0));
});
