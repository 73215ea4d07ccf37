// What the actors of one host share of NATS; after a reconnect it comes back in a fixed order.
import { setTimeout as delay } from "node:timers/promises";
import { Announcements } from "./announcements.js";
import { LogPublisher } from "./log-publisher.js";
import { createLogSpace } from "./log-space.js";
import type { NatsLink } from "./nats.js";
import { ensureSharedStreams, restoreSharedStreams, type StreamSettings } from "./streams.js";

export interface BusSettings {
  readonly streams: StreamSettings;
  /** Whether the disk still takes what clients write. */
  hasRoom(): boolean;
  report(level: "info" | "warn", text: string): void;
}

const retryMs = { min: 50, max: 2_000 };

export class Bus {
  readonly link: NatsLink;
  readonly streams: StreamSettings;
  readonly publisher: LogPublisher;
  readonly announcements: Announcements;
  readonly #report: BusSettings["report"];
  readonly #users = new Set<() => void>();
  #hasReportedFailure = false;
  #isClosed = false;

  private constructor(link: NatsLink, { streams, hasRoom, report }: BusSettings) {
    this.link = link;
    this.streams = streams;
    this.#report = report;
    this.publisher = new LogPublisher(link, createLogSpace(link, hasRoom));
    this.announcements = new Announcements(link, (text) => report("warn", text));
    link.observe({
      disconnected: () => {
        this.#hasReportedFailure = false;
        report("warn", "the connection to NATS is lost");
      },
      failed: (error) => this.#onFailedDial(error),
      reconnected: () => void this.#resume(),
    });
  }

  /** Resolves when the streams that everybody shares are there. */
  static async open(link: NatsLink, settings: BusSettings): Promise<Bus> {
    const bus = new Bus(link, settings);
    await bus.#persist(ensureSharedStreams);
    return bus;
  }

  /** `resume` is called after every reconnect, when streams are there again; returns the end. */
  onResumed(resume: () => void): () => void {
    this.#users.add(resume);
    return () => this.#users.delete(resume);
  }

  close(): void {
    this.#isClosed = true;
    this.announcements.close();
    this.publisher.close();
  }

  /** The first one says why; there may be ten a second. */
  #onFailedDial(error: Error): void {
    if (!this.#hasReportedFailure) this.#report("warn", `cannot connect to NATS: ${error.message}`);
    this.#hasReportedFailure = true;
  }

  /** Memory streams went with a broker, definition and all: nothing else may come before them. */
  async #resume(): Promise<void> {
    const { generation } = this.link;
    const restored = this.#persist(restoreSharedStreams);
    // In a cluster they outlive a server, and one that has no leader yet must not hold up the rest.
    if (!this.link.clustered) await restored;
    if (this.#isClosed || generation !== this.link.generation) return;
    this.#report("info", `connected to NATS again (${this.link.url})`);
    this.publisher.resume();
    this.announcements.resume();
    for (const resume of [...this.#users]) resume();
  }

  async #persist(make: typeof ensureSharedStreams): Promise<void> {
    const { generation } = this.link;
    for (let waitMs = retryMs.min; !this.#isClosed; waitMs = Math.min(waitMs * 2, retryMs.max)) {
      const result = await make(this.link, this.streams);
      if (result.ok || generation !== this.link.generation) return;
      this.#report("warn", `the streams are not there yet: ${result.detail}`);
      await delay(waitMs);
    }
  }
}
