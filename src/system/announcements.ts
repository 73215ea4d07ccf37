// Announcements for all actors of a host: one reader of the control stream, handed out by subject.
import type { AnyDefinition, AnyMessage } from "../messages/catalogue.js";
import { ControlReader, replayControl } from "./control-reader.js";
import { decodeMessage } from "./envelope.js";
import type { NatsLink, NatsMessage } from "./nats.js";
import { filterOf } from "./streams.js";

export interface ListenSettings {
  readonly definitions: readonly AnyDefinition[];
  readonly token: string | null;
  readonly from: "oldest" | "new";
  /** Resolves when it was handled; never rejects. May be told of one announcement twice. */
  announced(message: AnyMessage): Promise<void>;
}

interface Listener extends ListenSettings {
  readonly filter: string;
  isOver: boolean;
}

type Announcement = Pick<NatsMessage, "subject" | "body" | "header">;

export class Announcements {
  readonly #link: NatsLink;
  readonly #report: (text: string) => void;
  readonly #listeners = new Set<Listener>();
  readonly #live: ControlReader;

  constructor(link: NatsLink, report: (text: string) => void) {
    this.#link = link;
    this.#report = report;
    this.#live = new ControlReader(link, (delivery) => this.#handOut(delivery), report);
  }

  /** Returns what ends it. */
  listen(settings: ListenSettings): () => void {
    const filter = filterOf(settings.definitions, settings.token);
    const listener: Listener = { ...settings, filter, isOver: false };
    const isForReplies = settings.definitions.every(({ durability }) => durability === "reply");
    if (isForReplies) return this.#listenToReplies(listener);
    this.#listeners.add(listener);
    void this.#start(listener);
    return () => {
      listener.isOver = true;
      this.#listeners.delete(listener);
    };
  }

  /** After a reconnect, when streams are there again. */
  resume(): void {
    this.#live.resume();
  }

  close(): void {
    this.#live.close();
    for (const listener of this.#listeners) listener.isOver = true;
    this.#listeners.clear();
  }

  /** Live first: what comes between a replay's end and the first live one would be missed. */
  async #start(listener: Listener): Promise<void> {
    await this.#live.start();
    if (listener.from === "new") return;
    const handle = (delivery: Announcement) => this.#tell(listener, delivery);
    await replayControl(this.#link, listener.filter, handle, () => listener.isOver);
  }

  /** Answers are wanted now or never: the stream that carries them is not read. */
  #listenToReplies(listener: Listener): () => void {
    const subscription = this.#link.subscribe(listener.filter, (message) => {
      void this.#tell(listener, message);
    });
    return () => {
      listener.isOver = true;
      subscription.close();
    };
  }

  async #handOut(delivery: Announcement): Promise<void> {
    const hearers = [...this.#listeners].filter(({ filter }) => covers(filter, delivery.subject));
    await Promise.all(hearers.map((listener) => this.#tell(listener, delivery)));
  }

  async #tell(listener: Listener, { header, body }: Announcement): Promise<void> {
    const decoded = decodeMessage(header, body);
    if (!decoded.ok) return this.#report(`an announcement was set aside: ${decoded.reason}`);
    const isWanted = listener.definitions.some(({ kind }) => kind === decoded.message.kind);
    if (isWanted && !listener.isOver) await listener.announced(decoded.message);
  }
}

function covers(filter: string, subject: string): boolean {
  const parts = subject.split(".");
  const wanted = filter.split(".");
  return (
    parts.length === wanted.length && wanted.every((part, n) => part === "*" || part === parts[n])
  );
}
