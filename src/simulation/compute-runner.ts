// Runs an actor's compute jobs in the real segment host, in order, on an index that is exact.
import { setImmediate } from "node:timers/promises";
import { createSegmentHost, type SegmentHost } from "../segments/segment-host.js";
import type { ComputedResult } from "../system/actor.js";
import type { ComputeJob } from "../system/compute.js";
import { exactEngine } from "./exact-engine.js";
import type { RunningActor } from "./running-actor.js";

/** Those wait for the object store in between; the others end in the turn in which they begin. */
const readingKinds: readonly ComputeJob["kind"][] = ["loadSegment", "attachIndex", "compact"];

export class ComputeRunner {
  readonly #actor: RunningActor;
  readonly #segments: SegmentHost;
  /** When the last job starts: none overtakes another on its way to its thread. */
  #lastStartMs = 0;

  constructor(actor: RunningActor) {
    this.#actor = actor;
    const { world } = actor.host;
    const objects = world.objects.portOf((task) => {
      actor.host.reach(world.delay(), async () => {
        task();
        await setImmediate();
      });
    });
    this.#segments = createSegmentHost({ objects, engine: exactEngine });
  }

  run(id: string, job: ComputeJob): void {
    const { host } = this.#actor;
    const { world } = host;
    this.#lastStartMs = Math.max(world.nowMs + world.delay() / 4, this.#lastStartMs);
    host.post(this.#lastStartMs - world.nowMs, () => this.#start(id, job));
  }

  async #start(id: string, job: ComputeJob): Promise<void> {
    if (this.#actor.isOver) return;
    const running = this.#segments.run(job).then(
      (value): ComputedResult => ({ ok: true, value }),
      (error: unknown): ComputedResult => ({ ok: false, detail: String(error) }),
    );
    const told = running.then((result) => this.#tell(id, job, result));
    if (readingKinds.includes(job.kind)) await setImmediate();
    else await told;
  }

  #tell(id: string, job: ComputeJob, result: ComputedResult): void {
    const { host } = this.#actor;
    const { world } = host;
    if (!result.ok && !this.#actor.isOver) {
      world.trace.line(`${this.#actor.name}: '${job.kind}' failed: ${result.detail}`);
    }
    host.post(world.delay(), () => this.#actor.tell({ kind: "Computed", id, result }));
  }
}
