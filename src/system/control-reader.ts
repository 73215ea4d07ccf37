// Reads the control stream: from now on and over reconnects, or once through what it still holds.
import { setTimeout as delay } from "node:timers/promises";
import { createConsumer, deleteConsumer, nanoseconds, readStreamInfo } from "./jetstream.js";
import type { NatsLink } from "./nats.js";
import { type Delivery, Pull, shortTiming } from "./pull.js";
import { streamOf } from "./streams.js";

const stream = streamOf("announcement");
const windowMessages = 256;
const retryMs = { min: 50, max: 2_000 };

const configuration = {
  ack_policy: "none",
  max_deliver: 1,
  mem_storage: true,
  inactive_threshold: nanoseconds(60_000),
} as const;

/** Goes on from where it was after a reconnect; what the stream forgot meanwhile is lost. */
export class ControlReader {
  readonly #link: NatsLink;
  readonly #handle: (delivery: Delivery) => Promise<void>;
  readonly #report: (text: string) => void;
  #position: number | null = null;
  #started: Promise<void> | null = null;
  #isOver = false;
  #resumes = 0;
  #interrupt: () => void = () => undefined;

  constructor(
    link: NatsLink,
    handle: (delivery: Delivery) => Promise<void>,
    report: (text: string) => void,
  ) {
    this.#link = link;
    this.#handle = handle;
    this.#report = report;
  }

  /** Resolves when nothing that is announced from then on will be missed. */
  start(): Promise<void> {
    this.#started ??= new Promise((positioned) => void this.#run(positioned));
    return this.#started;
  }

  resume(): void {
    this.#resumes += 1;
    this.#interrupt();
  }

  close(): void {
    this.#isOver = true;
    this.#interrupt();
  }

  async #run(positioned: () => void): Promise<void> {
    let waitMs = retryMs.min;
    while (!this.#isOver) {
      const resumesBefore = this.#resumes;
      const consumer = await this.#makeConsumer();
      if (this.#isOver) return;
      if (this.#resumes !== resumesBefore) continue;
      if (consumer === null) {
        if (waitMs === retryMs.min) this.#report("announcements come later: no answer");
        await delay(waitMs);
        waitMs = Math.min(waitMs * 2, retryMs.max);
        continue;
      }
      positioned();
      waitMs = retryMs.min;
      await this.#read(consumer);
    }
  }

  async #makeConsumer(): Promise<string | null> {
    const info = await readStreamInfo(this.#link, stream);
    if (!info.ok) return null;
    const last = info.value.state.last_seq;
    // A stream that was made anew counts from the beginning.
    this.#position = Math.min(this.#position ?? last, last);
    const created = await createConsumer(this.#link, stream, {
      ...configuration,
      deliver_policy: "by_start_sequence",
      opt_start_seq: this.#position + 1,
    });
    return created.ok ? created.value.name : null;
  }

  #read(consumer: string): Promise<void> {
    return new Promise((done) => {
      let unhandled = 0;
      const end = () => {
        pull.close();
        done();
      };
      const askForMore = () => {
        if (pull.outstanding === 0 && unhandled <= windowMessages / 2) pull.ask(windowMessages);
      };
      const delivered = (delivery: Delivery) => {
        this.#position = delivery.sequence;
        unhandled += 1;
        void this.#handle(delivery).then(() => {
          unhandled -= 1;
          askForMore();
        });
      };
      const pull = new Pull(this.#link, stream, consumer, {
        delivered,
        ended: askForMore,
        lost: end,
      });
      this.#interrupt = end;
      askForMore();
    });
  }
}

/** Begins again when the connection was lost meanwhile, so something may be handled twice. */
export async function replayControl(
  link: NatsLink,
  filter: string,
  handle: (delivery: Delivery) => Promise<void>,
  isOver: () => boolean,
): Promise<void> {
  for (let waitMs = retryMs.min; !isOver(); waitMs = Math.min(waitMs * 2, retryMs.max)) {
    const created = await createConsumer(link, stream, {
      ...configuration,
      deliver_policy: "all",
      filter_subject: filter,
    });
    if (created.ok) {
      const { name, num_pending: count } = created.value;
      const isWhole = await replayOnce(link, name, count, handle, isOver);
      void deleteConsumer(link, stream, name);
      if (isWhole) return;
    }
    await delay(waitMs);
  }
}

function replayOnce(
  link: NatsLink,
  consumer: string,
  count: number,
  handle: (delivery: Delivery) => Promise<void>,
  isOver: () => boolean,
): Promise<boolean> {
  return new Promise((done) => {
    let left = count;
    const end = (isWhole: boolean) => {
      pull.close();
      done(isWhole);
    };
    const goOn = () => {
      if (left === 0 || isOver()) end(true);
      else if (pull.outstanding === 0) pull.ask(Math.min(left, windowMessages));
    };
    const delivered = (delivery: Delivery) => {
      left -= 1;
      void handle(delivery).then(goOn);
    };
    const handlers = {
      delivered,
      // The count is too high after a purge: when nothing comes for a while, that was all.
      ended: () => end(true),
      lost: () => end(false),
    };
    const pull = new Pull(link, stream, consumer, handlers, shortTiming(link));
    goOn();
  });
}
