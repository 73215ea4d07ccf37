// Operators of a simulated cluster: they drain hosts, change their minds, add and remove some.
import type { Role } from "../messages/records.js";
import type { Gateway } from "./gateway.js";
import { Host } from "./host.js";
import { startAgent } from "./host-agent.js";
import type { World } from "./world.js";

const drainTimeoutMs = 3_000;
const undoEveryMs = 700;
const joinersMax = 4;
const front: readonly Role[] = ["proxy", "coordinator", "oracle"];
const back: readonly Role[] = ["query", "data", "index"];

export function startHosts(world: World): void {
  for (const name of ["front1", "front2"]) addHost(world, name, front);
  for (const name of ["back1", "back2"]) addHost(world, name, back);
  for (const host of world.hosts) host.start();
}

function addHost(world: World, name: string, roles: readonly Role[]): Host {
  const host = new Host(world, name, roles, startAgent);
  world.hosts.push(host);
  return host;
}

/** Any host, with whatever runs on it; sometimes somebody changes his mind, sometimes it ends. */
export function drainSome(world: World, gateway: Gateway): void {
  const { random } = world;
  const host = random.pick(world.hosts.filter(({ isGone }) => !isGone));
  const stop = random.chance(0.4);
  askFor(world, gateway, host.name, { stop });
  if (random.chance(0.5)) return;
  world.after(random.next() * 6_000, () => {
    if (world.hasFaults) askFor(world, gateway, host.name, { undo: true });
  });
}

function askFor(world: World, gateway: Gateway, host: string, what: object): void {
  world.trace.line(`${host} is to be drained: ${JSON.stringify(what)}`);
  gateway.request(["sys", "drain"], { host, ...what }, drainTimeoutMs, () => undefined);
}

/** Half of those that come go again, in order or without a word. */
export function joinSome(world: World, gateway: Gateway): void {
  const { random } = world;
  const count = world.hosts.filter(({ name }) => name.startsWith("joiner")).length;
  if (count >= joinersMax) return;
  const roles = random.chance(0.7) ? back : front;
  const host = addHost(world, `joiner${count + 1}`, roles);
  host.start();
  if (random.chance(0.5)) return;
  world.after(2_000 + random.next() * 8_000, () => {
    if (!world.hasFaults) return;
    // The last proxy that is not drained may not go like this: nobody could be told of it.
    if (roles === back && random.chance(0.4)) {
      host.isGone = true;
      return host.crash();
    }
    host.isLeaving = true;
    askFor(world, gateway, host.name, { stop: true });
  });
}

/** For the last look: nobody is drained any more, however often it must be said. */
export function endDrains(world: World, gateway: Gateway): void {
  world.after(undoEveryMs, () => {
    const drained = [...world.metadata.stored.keys()].filter((key) => key.startsWith("hosts."));
    for (const key of drained) {
      askFor(world, gateway, key.slice("hosts.".length), { undo: true });
    }
    endDrains(world, gateway);
  });
}
