// One worker thread as its owner sees it: promises for jobs, and a new thread when it has crashed.
import { Worker } from "node:worker_threads";
import type { ComputeJob } from "./compute.js";
import type { ThreadSettings } from "./compute-thread.js";
import { type Packed, type ThreadMessage, type ThreadValue, unpackValue } from "./compute-wire.js";

export interface ThreadLinkOptions {
  readonly name: string;
  readonly settings: ThreadSettings;
  /** The thread is gone, with all it held; what waited for it has been rejected. */
  readonly onCrash: () => void;
  /** Memory that came along with a job may be used again. */
  readonly onSpent: (buffer: ArrayBuffer) => void;
}

export interface ThreadLink {
  /** Jobs that wait for this thread. */
  readonly pending: number;
  /** False for a while after crashes that came one upon another. */
  readonly isAvailable: boolean;
  /** Starts the thread before there is a job for it. */
  warm(): void;
  /** Jobs reach the thread in the order of the calls. */
  run(job: Packed<ComputeJob>, isPart: boolean): Promise<ThreadValue>;
  close(): Promise<void>;
}

export function createThreadLink(options: ThreadLinkOptions): ThreadLink {
  return new WorkerLink(options);
}

interface Waiting {
  readonly resolve: (value: ThreadValue) => void;
  readonly reject: (error: Error) => void;
}

const crashesRememberedMs = 60_000;
const firstPauseMs = 250;
const pauseMaxMs = 30_000;

class WorkerLink implements ThreadLink {
  private readonly options: ThreadLinkOptions;
  private readonly waiting = new Map<number, Waiting>();
  private worker: Worker | null = null;
  private nextId = 1;
  private crashTimesMs: number[] = [];
  private isClosed = false;

  constructor(options: ThreadLinkOptions) {
    this.options = options;
  }

  get pending(): number {
    return this.waiting.size;
  }

  get isAvailable(): boolean {
    return this.worker !== null || performance.now() >= this.pausedUntilMs();
  }

  warm(): void {
    if (this.worker === null) this.start();
  }

  run({ value: job, transfers }: Packed<ComputeJob>, isPart: boolean): Promise<ThreadValue> {
    return new Promise((resolve, reject) => {
      if (this.isClosed) throw new Error(`${this.options.name} is closed`);
      const worker = this.worker ?? this.start();
      const id = this.nextId++;
      worker.postMessage({ id, job, isPart }, transfers);
      this.waiting.set(id, { resolve, reject });
    });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const worker = this.worker;
    this.worker = null;
    this.rejectAll(new Error(`${this.options.name} is closed`));
    await worker?.terminate();
  }

  /** Started when first needed: many a process never uses all of its threads. */
  private start(): Worker {
    const { name, settings } = this.options;
    if (!this.isAvailable) throw new Error(`${name} crashed and starts again soon`);
    const entry = new URL("./compute-thread.js", import.meta.url);
    const worker = new Worker(entry, { name, workerData: settings });
    let cause: unknown = "it ended by itself";
    worker.on("message", (message: ThreadMessage) => this.settle(message));
    worker.on("error", (error) => {
      cause = error;
    });
    // What cannot be read as a message would leave its job waiting for ever.
    worker.on("messageerror", (error) => {
      cause = error;
      void worker.terminate();
    });
    worker.on("exit", () => {
      if (this.worker === worker) this.crash(cause);
    });
    this.worker = worker;
    return worker;
  }

  private settle(message: ThreadMessage): void {
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (!message.ok) return waiting?.reject(new Error(message.detail));
    if (message.spent !== null) this.options.onSpent(message.spent);
    waiting?.resolve(unpackValue(message.value));
  }

  private crash(cause: unknown): void {
    const now = performance.now();
    this.worker = null;
    this.crashTimesMs = this.crashTimesMs.filter((time) => time > now - crashesRememberedMs);
    this.crashTimesMs.push(now);
    this.rejectAll(new Error(`${this.options.name} crashed: ${String(cause)}`));
    this.options.onCrash();
  }

  private rejectAll(error: Error): void {
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of waiting) reject(error);
  }

  /** The first crash costs no time; each further one within a minute doubles the pause. */
  private pausedUntilMs(): number {
    const last = this.crashTimesMs.at(-1);
    if (last === undefined || this.crashTimesMs.length < 2) return 0;
    return last + Math.min(pauseMaxMs, firstPauseMs * 2 ** (this.crashTimesMs.length - 2));
  }
}
