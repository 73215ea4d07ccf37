// The actors that a host runs once: what leaves and what starts again do not meet half-way.
import { describe, expect, it } from "vitest";
import type { RunningActor } from "../../src/system/actor-table.js";
import { HostActors } from "../../src/system/host-actors.js";

/** Ends when the test says so. */
class Slow implements RunningActor {
  readonly name = "index-worker";
  readonly status = { actor: this.name, channel: null, phase: "on", cause: null, figures: {} };
  end: () => void = () => undefined;
  readonly restart = () => undefined;
  readonly stop = () => undefined;

  tell(): boolean {
    return true;
  }
  drain(): Promise<void> {
    return new Promise((done) => {
      this.end = done;
    });
  }
}

function indexHost() {
  const started: Slow[] = [];
  const actors = new HostActors({
    roles: ["index"],
    start: () => {
      const actor = new Slow();
      started.push(actor);
      return actor;
    },
    serve: () => Promise.reject(new Error("there is no proxy")),
  });
  return { actors, started };
}

describe("a host that is not drained any more", () => {
  it("runs again what was still on its way out", async () => {
    const { actors, started } = indexHost();
    await actors.start();
    const leaving = actors.leave("index", 1_000);
    const startedAgain = actors.start();
    started[0]?.end();
    await Promise.all([leaving, startedAgain]);
    expect(started).toHaveLength(2);
    expect(actors.actors).toEqual([started[1]]);
  });

  it("waits once for who is told to leave twice", async () => {
    const { actors, started } = indexHost();
    await actors.start();
    const leaving = [actors.leave("index", 1_000), actors.leave("index", 1_000)];
    started[0]?.end();
    await Promise.all(leaving);
    expect(actors.roles).toEqual([]);
  });
});
