// What is sent in one turn of the event loop, gathered so that it leaves in one write.

/** Turns of actors that were called for and not taken yet, and whether one is being taken. */
let called = 0;
let isActing = false;

/** An actor has letters, and its turn comes as soon as the sockets were read. */
export function callTurn(): void {
  called += 1;
}

/** It has ended before that. */
export function cancelTurn(): void {
  called -= 1;
}

export function takeTurn(act: () => void): void {
  called -= 1;
  isActing = true;
  try {
    act();
  } finally {
    isActing = false;
  }
}

/**
 * The NATS client writes to its socket at the end of each chain of promises: under load, that is
 * one system call a message. A turn ends right after the sockets were read, so nothing waits long.
 */
export class Turn {
  #waiting: (() => void)[] = [];

  /** In order; what the connection's end overtakes is lost like what is in its socket then. */
  add(send: () => void): void {
    if (this.#waiting.push(send) !== 1) return;
    // Where the last of the actors acts nobody else adds to it: another turn would be in vain.
    if (isActing && called === 0) queueMicrotask(() => this.end());
    else setImmediate(() => this.end());
  }

  /** Sends what was added so far. */
  end(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const send of waiting) send();
  }
}
