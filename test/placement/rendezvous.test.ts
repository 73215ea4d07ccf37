// Placement is complete, even, deterministic, and moves no more than it must.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Holding, place } from "../../src/placement/rendezvous.js";

const always = () => true;
const hostName = fc.integer({ min: 0, max: 11 }).map((index) => `host${index}`);
const hostNames = fc.uniqueArray(hostName, { minLength: 1, maxLength: 8 });
const holdings = fc.uniqueArray(
  fc.record({
    channel: fc.integer({ min: 0, max: 99 }).map((index) => `c${index}`),
    holders: fc.uniqueArray(hostName, { maxLength: 4 }),
    wanted: fc.integer({ min: 1, max: 4 }),
  }),
  { maxLength: 40, selector: ({ channel }) => channel },
);

type Placed = ReadonlyMap<string, readonly string[]>;

function applied(before: readonly Holding[], placed: Placed): Holding[] {
  return before.map((holding) => ({ ...holding, holders: placed.get(holding.channel) ?? [] }));
}

function loads(placed: Placed, hosts: readonly string[]): number[] {
  return hosts.map((host) => [...placed.values()].filter((list) => list.includes(host)).length);
}

function bound(all: readonly Holding[], hosts: readonly string[]): number {
  const places = all.reduce((sum, { wanted }) => sum + Math.min(wanted, hosts.length), 0);
  return Math.ceil(places / hosts.length) + 1;
}

function movesBetween(before: readonly Holding[], placed: Placed): number {
  return before.reduce((sum, { channel, holders }) => {
    const now = placed.get(channel) ?? [];
    return sum + now.filter((host) => !holders.includes(host)).length;
  }, 0);
}

describe("any placement", () => {
  it("gives each channel as many different living hosts as it wants and there are", () => {
    fc.assert(
      fc.property(holdings, hostNames, (all, hosts) => {
        const placed = place(all, hosts, always);
        for (const { channel, wanted } of all) {
          const holders = placed.get(channel) ?? [];
          expect(new Set(holders).size).toBe(Math.min(wanted, hosts.length));
          expect(holders.length).toBe(Math.min(wanted, hosts.length));
          expect(holders.every((host) => hosts.includes(host))).toBe(true);
        }
      }),
    );
  });

  it("loads no host further above the even share than one", () => {
    fc.assert(
      fc.property(holdings, hostNames, (all, hosts) => {
        const placed = place(all, hosts, always);
        expect(Math.max(...loads(placed, hosts))).toBeLessThanOrEqual(bound(all, hosts));
      }),
    );
  });

  it("is what it is, however often and in whatever order it is asked for", () => {
    fc.assert(
      fc.property(holdings, hostNames, (all, hosts) => {
        const placed = place(all, hosts, always);
        expect(place(applied(all, placed), hosts, always)).toEqual(placed);
        const reversed = place([...all].reverse(), [...hosts].reverse(), always);
        for (const [channel, holders] of placed) expect(reversed.get(channel)).toEqual(holders);
      }),
    );
  });

  it("stays as it is while no host lives", () => {
    const all = [{ channel: "c", holders: ["gone"], wanted: 2 }];
    expect(place(all, [], always)).toEqual(new Map([["c", ["gone"]]]));
  });
});

describe("a change of hosts", () => {
  const settled = (all: readonly Holding[], hosts: readonly string[]) => {
    const empty = all.map((holding) => ({ ...holding, holders: [] }));
    return applied(empty, place(empty, hosts, always));
  };

  it("moves what a lost host held, and else only what would put a host above the bound", () => {
    fc.assert(
      fc.property(holdings, hostNames, (all, hosts) => {
        fc.pre(hosts.length > 1);
        const before = settled(all, hosts);
        const [lost, ...rest] = hosts;
        const placed = place(before, rest, always);
        const limit = bound(all, rest);
        for (const { channel, holders } of before) {
          const kept = holders.filter((host) => host !== lost);
          const left = kept.filter((host) => !placed.get(channel)?.includes(host));
          expect(left.every((host) => loads(placed, [host])[0] === limit)).toBe(true);
          const stayed = kept.filter((host) => !left.includes(host));
          expect(placed.get(channel)?.slice(0, stayed.length)).toEqual(stayed);
        }
        const current = new Map(
          before.map(({ channel, holders }) => [channel, holders.filter((host) => host !== lost)]),
        );
        const missing = before.reduce((sum, { channel, wanted }) => {
          const kept = current.get(channel)?.length ?? 0;
          return sum + Math.max(0, Math.min(wanted, rest.length) - kept);
        }, 0);
        const excess = loads(current, rest).reduce((sum, load) => {
          return sum + Math.max(0, load - limit);
        }, 0);
        // A channel that must go to every host that is left may put another above the bound.
        expect(movesBetween(before, placed)).toBeLessThanOrEqual(2 * missing + excess);
      }),
    );
  });

  it("moves to a new host only what is above the bound", () => {
    fc.assert(
      fc.property(holdings, hostNames, (all, hosts) => {
        fc.pre(!all.some(({ wanted }) => wanted > hosts.length));
        const before = settled(all, hosts);
        const grown = [...hosts, "new"];
        const limit = bound(all, grown);
        const current = new Map(before.map(({ channel, holders }) => [channel, holders]));
        const excess = loads(current, hosts).reduce((sum, load) => {
          return sum + Math.max(0, load - limit);
        }, 0);
        expect(movesBetween(before, place(before, grown, always))).toBe(excess);
      }),
    );
  });

  it("spreads the channels of one collection evenly from the start", () => {
    const all = Array.from({ length: 12 }, (_, shard) => ({
      channel: `x-${shard}`,
      holders: [],
      wanted: 2,
    }));
    const hosts = ["a", "b", "c", "d"];
    expect(loads(place(all, hosts, always), hosts)).toEqual([6, 6, 6, 6]);
  });
});

describe("making before breaking", () => {
  it("keeps a serving holder until its successors serve", () => {
    const all = Array.from({ length: 8 }, (_, shard) => ({
      channel: `x-${shard}`,
      holders: ["old"],
      wanted: 1,
    }));
    const hosts = ["old", "new"];
    const first = place(all, hosts, (_, host) => host === "old");
    expect(loads(first, hosts)).toEqual([8, 3]);
    const second = place(applied(all, first), hosts, always);
    expect(loads(second, hosts)).toEqual([5, 3]);
  });

  it("never leaves a channel without a serving holder that lived, and comes to an end", () => {
    fc.assert(
      fc.property(holdings, hostNames, fc.infiniteStream(fc.boolean()), (all, hosts, coins) => {
        const ready = new Set<string>();
        const isReady = (channel: string, host: string) => ready.has(`${channel}@${host}`);
        for (const { channel, holders } of all) {
          for (const host of holders) if (coins.next().value) ready.add(`${channel}@${host}`);
        }
        let current: readonly Holding[] = all;
        for (let round = 0; round < 6; round++) {
          const placed = place(current, hosts, isReady);
          for (const { channel, holders } of current) {
            const served = holders.filter((host) => hosts.includes(host) && isReady(channel, host));
            if (served.length === 0) continue;
            expect(placed.get(channel)?.some((host) => isReady(channel, host))).toBe(true);
          }
          current = applied(current, placed);
          for (const { channel, holders } of current) {
            for (const host of holders) {
              if (round > 3 || coins.next().value) ready.add(`${channel}@${host}`);
            }
          }
        }
        const last = place(current, hosts, isReady);
        expect(applied(current, place(applied(current, last), hosts, isReady))).toEqual(
          applied(current, last),
        );
        for (const { channel, wanted } of all) {
          expect(last.get(channel)?.length).toBe(Math.min(wanted, hosts.length));
        }
      }),
    );
  });
});
