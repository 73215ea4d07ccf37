// One simulated world: its time, its chance, its broker and stores, its hosts and its auditor.

import { Announcements } from "./announcements.js";
import type { Auditor } from "./auditor.js";
import { CacheFake } from "./cache-fake.js";
import type { CrashWatch } from "./crashes/crash-watch.js";
import type { Host } from "./host.js";
import { LogBroker } from "./log-broker.js";
import { MetadataFake } from "./metadata-fake.js";
import type { Mutant } from "./mutant.js";
import { ObjectsFake } from "./objects-fake.js";
import { createRandom, type Random } from "./random.js";
import type { FaultOdds, Scenario } from "./scenario.js";
import { createSchedule, type Schedule } from "./schedule.js";
import type { Trace } from "./trace.js";
import { WorkQueues } from "./work-queues.js";

/** Where virtual time begins, ms since 1970. */
const epochMs = 1_800_000_000_000;

export class World {
  readonly scenario: Scenario;
  readonly random: Random;
  readonly schedule: Schedule = createSchedule();
  readonly trace: Trace;
  readonly mutant: Mutant | null;
  readonly auditor: Auditor;
  readonly broker: LogBroker;
  readonly announcements: Announcements;
  readonly queues: WorkQueues;
  readonly objects: ObjectsFake;
  readonly metadata: MetadataFake;
  readonly cache: CacheFake;
  readonly hosts: Host[] = [];
  /** Once false nothing fails any more: the world comes to rest. */
  hasFaults = true;
  /** Null: no process dies at a point of a plan. */
  crashes: CrashWatch | null = null;
  #names = 0;

  constructor(scenario: Scenario, trace: Trace, mutant: Mutant | null, auditor: Auditor) {
    this.scenario = scenario;
    this.random = createRandom(scenario.seed ^ 0x5eed);
    this.trace = trace;
    this.mutant = mutant;
    this.auditor = auditor;
    this.broker = new LogBroker(this);
    this.announcements = new Announcements(this);
    this.queues = new WorkQueues(this);
    this.objects = new ObjectsFake(this);
    this.metadata = new MetadataFake(this);
    this.cache = new CacheFake(this);
  }

  get nowMs(): number {
    return this.schedule.nowMs;
  }

  /** The time of a clock that is right. */
  get wallMs(): number {
    return epochMs + this.schedule.nowMs;
  }

  after(delayMs: number, event: () => void | Promise<void>): void {
    this.schedule.after(delayMs, event);
  }

  /** Whether a fault of this kind strikes now. */
  strikes(kind: keyof FaultOdds): boolean {
    const probability = this.scenario.odds[kind];
    return this.hasFaults && probability > 0 && this.random.chance(probability);
  }

  /** How long something takes on its way: mostly a moment, seldom long. */
  delay(): number {
    const quick = 0.1 + this.random.next() * 2;
    if (!this.strikes("slow")) return quick;
    return quick + this.random.next() * (this.random.chance(0.1) ? 1_500 : 150);
  }

  uniqueName(prefix: string): string {
    this.#names += 1;
    return `${prefix}-${this.#names}`;
  }
}
