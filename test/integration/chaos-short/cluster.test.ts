// Twenty kills of real processes under load, with etcd, S3 and Redis: every row is accounted for.
import { expect, it } from "vitest";
import { isClean } from "../../../scripts/chaos/chaos-settings.js";
import { shortRun, withinMs } from "./short-run.js";

it("keeps what it acknowledged through twenty kills", { timeout: withinMs }, async () => {
  expect(isClean(await shortRun("cluster"))).toBe(true);
});
