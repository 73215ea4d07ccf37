// What doctor says of Redis: there, silent, or not asked for.
import { expect, it } from "vitest";
import { inspectCache } from "../../src/system/doctor-parts.js";
import { startTestRedis } from "../contract/redis-server.js";

const secret = "0123456789abcdef";

it("tells a Redis that answers from one that does not", async () => {
  const redis = await startTestRedis();
  const settings = { cluster: "default", url: redis.server.endpoint, secret };
  try {
    expect(await inspectCache(settings)).toMatchObject({ level: "ok", fix: null });
  } finally {
    await redis.close();
  }
  const finding = await inspectCache(settings);
  expect(finding).toMatchObject({ level: "warn", text: expect.stringContaining("127.0.0.1") });
  expect(finding.fix).toContain("--cache-url");
});

it("has nothing to say without one", async () => {
  expect(await inspectCache(null)).toEqual({
    level: "ok",
    subject: "cache",
    text: "none",
    fix: null,
  });
});
