// When a host may be struck: it is whole, and nothing of what it does would be missing.
import { expect, it } from "vitest";
import { problemOfHost, problemOfOthers } from "../../../scripts/chaos/standing.js";
import type { HostDescription } from "../../../src/client/types.js";

type Phases = Readonly<Record<string, string>>;

function host(name: string, roles: HostDescription["roles"], phases: Phases = {}): HostDescription {
  const actors = Object.entries(phases).map(([channel, phase]) => ({
    ...{ name: `query-worker ${channel}`, actor: "query-worker", channel, phase },
    ...{ cause: null, figures: {} },
  }));
  const process = { pid: 1, hostname: "here", startedAt: "", silentMs: 0, drain: null };
  return { ...process, host: name, roles, actors };
}

const serving = { "a-0": "serving", "a-1": "serving" };

it("is whole when it takes part and serves all that it was given", () => {
  expect(problemOfHost([], "q1")).toBe("q1 does not take part");
  expect(problemOfHost([host("q1", ["query"])], "q1")).toBe("q1 serves nothing");
  const loading = { ...serving, "a-1": "loading" };
  expect(problemOfHost([host("q1", ["query"], loading)], "q1")).toBe("q1: a-1 is loading");
  expect(problemOfHost([host("q1", ["query"], serving)], "q1")).toBeNull();
  expect(problemOfHost([host("d1", ["data"])], "d1")).toBeNull();
});

it("may be struck when another has each of its roles and serves each of its channels", () => {
  const first = host("q1", ["query"], serving);
  expect(problemOfOthers([first, host("d1", ["data"])], "q1")).toBe("nobody else has role query");
  const partly = host("q2", ["query"], { "a-0": "serving", "a-1": "following" });
  expect(problemOfOthers([first, partly], "q1")).toBe("only q1 serves a-1");
  expect(problemOfOthers([first, host("q2", ["query"], serving)], "q1")).toBeNull();
});
