// Twenty kills of real processes under load, with one nats-server and a folder: every row is accounted for.
import { expect, it } from "vitest";
import { isClean } from "../../../scripts/chaos/chaos-settings.js";
import { shortRun, withinMs } from "./short-run.js";

it("keeps what it acknowledged through twenty kills", { timeout: withinMs }, async () => {
  expect(isClean(await shortRun("embedded"))).toBe(true);
});
