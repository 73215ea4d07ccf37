// Which faults a plan has, and what each does to its victims.
import { expect, it } from "vitest";
import {
  faultsOf,
  type HostVictim,
  pickFault,
  type Targets,
} from "../../../scripts/chaos/faults.js";
import { createRandom } from "../../../src/simulation/random.js";

function victim(name: string, roles: readonly string[], log: string[]): HostVictim {
  const note = (what: string) => void log.push(`${what} ${name}`);
  return {
    ...{ name, roles },
    kill: async () => note("kill"),
    restart: async () => note("restart"),
    freeze: () => note("freeze"),
    thaw: () => note("thaw"),
  };
}

function targetsOf(log: string[]): Targets {
  return {
    hosts: [victim("a", ["proxy"], log), victim("b", ["query", "data"], log)],
    servers: new Map([["nats", [victim("nats", [], log)]]]),
    proxies: new Map(),
    sessionTtlMs: 2_000,
  };
}

const kindsOf = (only: readonly string[]) => faultsOf(targetsOf([]), only).map(({ kind }) => kind);

it("are all kinds, the named ones, or those of a family", () => {
  expect(kindsOf([])).toEqual([
    ...["kill-proxy", "freeze-proxy", "kill-query", "freeze-query", "kill-data", "freeze-data"],
    ...["kill-all-hosts", "kill-nats", "freeze-nats"],
  ]);
  expect(kindsOf(["kill-query", "freeze-nats"])).toEqual(["kill-query", "freeze-nats"]);
  expect(kindsOf(["freeze"])).toHaveLength(4);
});

it("kill and start again, freeze for three sessions and thaw", async () => {
  const log: string[] = [];
  const slept: number[] = [];
  const hosts: (string | null)[] = [];
  const sleep = async (ms: number) => void slept.push(ms);
  for (const fault of faultsOf(targetsOf(log), ["kill-data", "freeze-proxy"])) {
    const { host, run } = fault.aim(createRandom(1));
    hosts.push(host);
    await run(sleep);
  }
  expect(log).toEqual(["freeze a", "thaw a", "kill b", "restart b"]);
  expect(slept[0]).toBe(6_000);
  // Nothing else is struck while one is frozen.
  expect(hosts).toEqual([null, "b"]);
});

it("are picked by their weights, the same for the same seed", () => {
  const pick = (seed: number) => {
    const random = createRandom(seed);
    return Array.from({ length: 400 }, () => pickFault(faultsOf(targetsOf([]), []), random).kind);
  };
  expect(pick(3)).toEqual(pick(3));
  expect(pick(3)).not.toEqual(pick(4));
  const kills = pick(3).filter((kind) => kind.startsWith("kill-")).length;
  expect(kills).toBeGreaterThan(300);
});
