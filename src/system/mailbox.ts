// The one file that knows nact: a mailbox hands messages to one handler, one at a time, in order.
import { type ActorSystemRef, dispatch, type Ref, spawn, start, stop } from "nact";
import { callTurn, cancelTurn, takeTurn } from "./turn.js";

interface Letter<Message> {
  readonly message: Message;
  handled(): void;
}

/** What a mailbox tells its actor of nact: that letters have come. */
const letters = Symbol("letters");
/** Handled in one turn of the event loop; nact itself takes a turn for each message. */
const turnMax = 64;

let system: ActorSystemRef | undefined;
let count = 0;

/**
 * `handle` may throw: then `onCrash` is told, and the next message is handled as if nothing had
 * been. nact itself never sees a failure, since what it then runs can end the process. Who tells a
 * mailbox bounds it: with credits, windows, requests in flight.
 */
export class Mailbox<Message> {
  readonly #name: string;
  readonly #handle: (message: Message) => void;
  readonly #onCrash: (error: unknown, message: Message) => void;
  readonly #actor: Ref<typeof letters>;
  #queue: Letter<Message>[] = [];
  #isAwake = false;
  /** Of those who wait until their message was handled: an end must not leave them waiting. */
  readonly #waiting = new Set<() => void>();
  #isOpen = true;
  #isHandling = true;
  #whenEmpty: () => void = () => undefined;
  #depth = 0;
  #depthMax = 0;
  #deadLetters = 0;

  constructor(
    name: string,
    handle: (message: Message) => void,
    onCrash: (error: unknown, message: Message) => void,
  ) {
    this.#name = name;
    this.#handle = handle;
    this.#onCrash = onCrash;
    system ??= start();
    const act = () => takeTurn(() => this.#takeTurn());
    this.#actor = spawn(system, act, `${name}-${count++}`);
  }

  /** Messages waiting or being handled. */
  get depth(): number {
    return this.#depth;
  }

  /** The most there ever were. */
  get depthMax(): number {
    return this.#depthMax;
  }

  /** Told after the end: nobody handles these. */
  get deadLetters(): number {
    return this.#deadLetters;
  }

  /** False when the mailbox has ended: the message goes nowhere. */
  tell(message: Message): boolean {
    return this.#post(message, () => undefined);
  }

  /** Resolves when the message was handled, or never will be. */
  deliver(message: Message): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        this.#waiting.delete(settle);
        resolve();
      };
      this.#waiting.add(settle);
      if (!this.#post(message, settle)) settle();
    });
  }

  /** Takes no more; resolves when all that waited was handled, or the time is over. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isOpen = false;
    if (this.#depth > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#whenEmpty = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.stop();
  }

  /** Takes no more and handles none of what waits. */
  stop(): void {
    this.#isOpen = false;
    this.#isHandling = false;
    stop(this.#actor);
    if (this.#isAwake) cancelTurn();
    this.#isAwake = false;
    for (const resolve of [...this.#waiting]) resolve();
  }

  #post(message: Message, handled: () => void): boolean {
    if (!this.#isOpen) {
      this.#deadLetters += 1;
      return false;
    }
    this.#depth += 1;
    this.#depthMax = Math.max(this.#depthMax, this.#depth);
    this.#queue.push({ message, handled });
    this.#wake();
    return true;
  }

  #wake(): void {
    // An actor that was stopped by its own handler takes no turn any more.
    if (this.#isAwake || !this.#isHandling) return;
    this.#isAwake = true;
    callTurn();
    dispatch(this.#actor, letters);
  }

  #takeTurn(): void {
    this.#isAwake = false;
    const turn = this.#queue.splice(0, turnMax);
    for (const letter of turn) this.#receive(letter);
    if (this.#queue.length > 0) this.#wake();
  }

  #receive(letter: Letter<Message>): void {
    if (this.#isHandling) this.#handleSafely(letter.message);
    this.#depth -= 1;
    letter.handled();
    if (this.#depth === 0) this.#whenEmpty();
  }

  #handleSafely(message: Message): void {
    try {
      this.#handle(message);
    } catch (error) {
      this.#crashSafely(error, message);
    }
  }

  #crashSafely(error: unknown, message: Message): void {
    try {
      this.#onCrash(error, message);
    } catch (second) {
      // Nothing is left that could answer for this actor: the process says so and ends.
      setImmediate(() => {
        throw new AggregateError([error, second], `'${this.#name}' cannot be supervised`);
      });
    }
  }
}
