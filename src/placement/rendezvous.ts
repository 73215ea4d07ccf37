// Which hosts hold which channels: evenly, and moving as few as possible when hosts come or go.
import { createHash } from "node:crypto";

export interface Holding {
  readonly channel: string;
  /** Who holds it now, dead or alive. */
  readonly holders: readonly string[];
  /** How many different hosts should. */
  readonly wanted: number;
}

/** Whether a host that holds a channel has come so far that another may let go of it. */
export type IsReady = (channel: string, host: string) => boolean;

/** How far above the even share a host may be before something moves. */
const slack = 1;

/**
 * The hosts that should hold each channel, of those that live and stay. Holders among them stay;
 * free places go by rendezvous hashing to hosts below the even share; hosts too far above it pass
 * channels on. A holder that is to go, be it with all that it has, stays beside its successors
 * until all of them are ready, if it may.
 */
export function place(
  holdings: readonly Holding[],
  hosts: readonly string[],
  isReady: IsReady,
  mayStay: IsReady = (channel, host) => hosts.includes(host) && isReady(channel, host),
): Map<string, readonly string[]> {
  if (hosts.length === 0) return new Map(holdings.map((each) => [each.channel, each.holders]));
  const plan = createPlan(holdings, hosts);
  for (const channel of plan.wanted.keys()) trim(plan, channel);
  for (const channel of plan.wanted.keys()) fill(plan, channel);
  rebalance(plan);
  return new Map(
    holdings.map((each) => [each.channel, withLeavers(plan, each, { isReady, mayStay })]),
  );
}

interface Plan {
  readonly channelsOf: Map<string, Set<string>>;
  readonly hostsOf: Map<string, Set<string>>;
  /** In the order of their names, so that the same facts give the same plan. */
  readonly wanted: Map<string, number>;
  readonly share: number;
  readonly seeds: Map<string, number>;
}

function createPlan(holdings: readonly Holding[], hosts: readonly string[]): Plan {
  const channelsOf = new Map([...hosts].sort().map((host) => [host, new Set<string>()]));
  const hostsOf = new Map<string, Set<string>>();
  const wanted = new Map<string, number>();
  let places = 0;
  for (const holding of [...holdings].sort((a, b) => (a.channel < b.channel ? -1 : 1))) {
    const living = holding.holders.filter((host) => channelsOf.has(host));
    for (const host of living) channelsOf.get(host)?.add(holding.channel);
    const count = Math.min(holding.wanted, channelsOf.size);
    hostsOf.set(holding.channel, new Set(living));
    wanted.set(holding.channel, count);
    places += count;
  }
  const share = Math.ceil(places / channelsOf.size);
  return { channelsOf, hostsOf, wanted, share, seeds: new Map() };
}

/** Too many hold it: those with the most to do let go. */
function trim(plan: Plan, channel: string): void {
  const holders = holdersOf(plan, channel);
  while (holders.size > wantedOf(plan, channel)) {
    const goes = best([...holders], (host) => [loadOf(plan, host), -score(plan, channel, host)]);
    remove(plan, channel, goes);
  }
}

function fill(plan: Plan, channel: string): void {
  const holders = holdersOf(plan, channel);
  while (holders.size < wantedOf(plan, channel)) {
    const others = [...plan.channelsOf.keys()].filter((host) => !holders.has(host));
    const comes = best(others, (host) => [
      -Math.max(loadOf(plan, host), plan.share - 1),
      score(plan, channel, host),
    ]);
    add(plan, channel, comes);
  }
}

/** Ends, since each move goes from above the bound to below it. */
function rebalance(plan: Plan): void {
  const hosts = [...plan.channelsOf.keys()];
  for (;;) {
    const fullest = best(hosts, (host) => [loadOf(plan, host), 0]);
    if (loadOf(plan, fullest) <= plan.share + slack) return;
    const emptiest = best(hosts, (host) => [-loadOf(plan, host), 0]);
    const movable = [...channelsOf(plan, fullest)].filter(
      (channel) => !holdersOf(plan, channel).has(emptiest),
    );
    const moves = best(movable, (channel) => [score(plan, channel, emptiest), 0]);
    remove(plan, moves, fullest);
    add(plan, moves, emptiest);
  }
}

function withLeavers(
  plan: Plan,
  holding: Holding,
  { isReady, mayStay }: { isReady: IsReady; mayStay: IsReady },
): readonly string[] {
  const { channel, holders } = holding;
  const chosen = holdersOf(plan, channel);
  const staying = holders.filter((host) => chosen.has(host));
  const coming = [...chosen].filter((host) => !holders.includes(host));
  const isDone = [...chosen].every((host) => isReady(channel, host));
  const leaving = holders.filter((host) => !isDone && !chosen.has(host) && mayStay(channel, host));
  return [...staying, ...coming, ...leaving];
}

function add(plan: Plan, channel: string, host: string): void {
  holdersOf(plan, channel).add(host);
  channelsOf(plan, host).add(channel);
}

function remove(plan: Plan, channel: string, host: string): void {
  holdersOf(plan, channel).delete(host);
  channelsOf(plan, host).delete(channel);
}

function holdersOf(plan: Plan, channel: string): Set<string> {
  return plan.hostsOf.get(channel) as Set<string>;
}

function channelsOf(plan: Plan, host: string): Set<string> {
  return plan.channelsOf.get(host) as Set<string>;
}

function wantedOf(plan: Plan, channel: string): number {
  return plan.wanted.get(channel) as number;
}

function loadOf(plan: Plan, host: string): number {
  return channelsOf(plan, host).size;
}

/** The candidate with the highest rank; of equals the first. */
function best(
  candidates: readonly string[],
  rankOf: (candidate: string) => readonly [number, number],
): string {
  let winner: string | undefined;
  let highest: readonly [number, number] = [Number.NEGATIVE_INFINITY, 0];
  for (const candidate of candidates) {
    const rank = rankOf(candidate);
    const isHigher = rank[0] > highest[0] || (rank[0] === highest[0] && rank[1] > highest[1]);
    if (winner !== undefined && !isHigher) continue;
    winner = candidate;
    highest = rank;
  }
  if (winner === undefined) throw new Error("nobody to choose from");
  return winner;
}

/** The same for a pair of names on every machine and in every version. */
function score(plan: Plan, channel: string, host: string): number {
  return mixed(seedOf(plan, channel) ^ mixed(seedOf(plan, host)));
}

function seedOf(plan: Plan, name: string): number {
  const known = plan.seeds.get(name);
  if (known !== undefined) return known;
  const seed = createHash("sha256").update(name).digest().readUInt32LE(0);
  plan.seeds.set(name, seed);
  return seed;
}

/** Spreads every bit over all 32 (the last step of MurmurHash3). */
function mixed(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
