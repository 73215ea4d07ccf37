// What is sent in one turn of the event loop, gathered so that it leaves in one write.

/**
 * The NATS client writes to its socket at the end of each chain of promises: under load, that is
 * one system call a message. A turn ends right after the sockets were read, so nothing waits long.
 */
export class Turn {
  #waiting: (() => void)[] = [];

  /** In order; what the connection's end overtakes is lost like what is in its socket then. */
  add(send: () => void): void {
    if (this.#waiting.push(send) === 1) setImmediate(() => this.end());
  }

  /** Sends what was added so far. */
  end(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const send of waiting) send();
  }
}
