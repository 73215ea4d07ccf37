// What an operator does meanwhile: drains a host and takes it back, and ends a leader in order.
import type { Gateway } from "../gateway.js";
import type { World } from "../world.js";

const everyMs = 4_000;
const drainedForMs = 1_500;
/** Longer than an actor takes for its last word. */
const endsWithinMs = 250;
const timeoutMs = 2_000;

export function startOperator(world: World, gateway: Gateway): void {
  const workers = world.hosts.filter(({ roles }) => roles.includes("data"));
  const ask = (host: string, undo: boolean, done: (isDone: boolean) => void) =>
    gateway.request(["sys", "drain"], { host, undo }, timeoutMs, (answer) =>
      done(answer?.ok === true),
    );
  const later = () => world.after(everyMs, next);
  /** A host that stays drained could be the last one: this is asked until it is answered. */
  const takeBack = (host: string) =>
    ask(host, true, (isDone) =>
      isDone ? later() : world.after(everyMs / 4, () => takeBack(host)),
    );
  const next = () => {
    if (!world.hasFaults) return;
    const { name } = world.random.pick(workers);
    ask(name, false, () => {
      endOne(world);
      world.after(drainedForMs, () => takeBack(name));
    });
  };
  world.after(everyMs / 2, next);
}

function endOne(world: World): void {
  const leaders = world.hosts.filter(({ isUp, roles }) => isUp && roles.includes("coordinator"));
  if (leaders.length < 2) return;
  const host = world.random.pick(leaders);
  world.trace.line(`${host.name} is told to end`);
  for (const actor of [...host.actors.values()]) actor.stop();
  host.post(endsWithinMs, () => host.crash());
}
