// Strikes the world with faults at random moments, as often as the scenario says.
import { assignmentRecord, decodeRecord } from "../messages/records.js";
import type { Gateway } from "./gateway.js";
import type { Host } from "./host.js";
import { startExtraWorker } from "./host-agent.js";
import { drainSome, joinSome } from "./membership.js";
import { type FaultRates, timings } from "./scenario.js";
import type { World } from "./world.js";

type Strike = (world: World, gateway: Gateway) => void;

const strikes: Readonly<Record<keyof FaultRates, Strike>> = {
  crash(world) {
    const host = anyHost(world);
    host.crash();
  },
  pause(world) {
    const forMs = pauseMs(world);
    const isLong = forMs >= timings.duplicateWindowMs;
    // Long enough to be forgotten: that is worst where clients' requests come in.
    const proxies = world.hosts.filter(({ roles }) => roles.includes("proxy"));
    const host = isLong && world.random.chance(0.6) ? world.random.pick(proxies) : anyHost(world);
    host.pause(forMs);
  },
  disconnect(world) {
    const host = anyHost(world);
    world.trace.line(`${host.name} is cut off`);
    host.cut();
  },
  brokerRestart(world) {
    world.trace.line("the broker restarts");
    world.broker.restart();
  },
  objectsAway(world) {
    world.trace.line("the object store is away");
    world.objects.awayUntilMs = world.nowMs + awayMs(world);
  },
  metadataAway(world) {
    world.trace.line("the metadata store is away");
    world.metadata.awayUntilMs = world.nowMs + awayMs(world);
  },
  clockJump(world) {
    const host = anyHost(world);
    const hour = 3_600_000;
    const farMs = world.random.chance(0.3) ? hour : 3_000;
    host.wallSkewMs = Math.round((world.random.next() * 2 - 1) * farMs);
    world.trace.line(`the clock of ${host.name} is ${host.wallSkewMs} ms off`);
  },
  logFull(world) {
    for (const log of world.broker.logs.values()) {
      if (world.random.chance(0.7)) log.fullUntilMs = world.nowMs + awayMs(world);
    }
  },
  extraWorker(world) {
    const workers = world.hosts.filter(({ isUp, roles }) => isUp && roles.includes("data"));
    const entries = [...world.metadata.stored].filter(([key]) => key.startsWith("assignments."));
    if (workers.length === 0 || entries.length === 0) return;
    const [, { value }] = world.random.pick(entries);
    const record = decodeRecord(assignmentRecord, value);
    startExtraWorker(world.random.pick(workers), record, 1_000 + world.random.next() * 10_000);
  },
  drain: drainSome,
  join: joinSome,
};

export function startNemesis(world: World, gateway: Gateway): void {
  for (const [kind, strike] of Object.entries(strikes)) {
    const meanMs = world.scenario.rates[kind as keyof FaultRates];
    if (meanMs > 0) strikeLater(world, () => strike(world, gateway), meanMs);
  }
}

function strikeLater(world: World, strike: () => void, meanMs: number): void {
  const waitMs = -Math.log(1 - world.random.next()) * meanMs;
  world.after(waitMs, () => {
    if (!world.hasFaults) return;
    strike();
    strikeLater(world, strike, meanMs);
  });
}

/** Whoever watches over processes starts a dead one again, after a while. */
export function startWatching(world: World): void {
  world.after(500, () => {
    for (const host of world.hosts) {
      const isDue = !world.hasFaults || world.random.chance(0.15);
      if (!host.isUp && !host.isGone && isDue) host.start();
    }
    startWatching(world);
  });
}

function anyHost(world: World): Host {
  return world.random.pick(world.hosts);
}

/** Short ones, some past the lease and the server's patience, few past the duplicate window. */
function pauseMs({ random }: World): number {
  const kind = random.next();
  if (kind < 0.4) return 100 + random.next() * 1_500;
  if (kind < 0.7) return timings.silenceMs + random.next() * 5_000;
  return timings.duplicateWindowMs * (1 + random.next());
}

function awayMs({ random }: World): number {
  return 200 + random.next() * (random.chance(0.3) ? 8_000 : 1_000);
}

/** The end of all faults: what is away comes back, what is frozen thaws, clocks are right. */
export async function heal(world: World): Promise<void> {
  world.hasFaults = false;
  for (const log of world.broker.logs.values()) log.fullUntilMs = 0;
  for (const host of world.hosts) {
    host.wallSkewMs = 0;
    if (host.isPaused) await host.thaw();
  }
}
