// How long each kind of request was asked for without an answer that is no error.

interface Asking {
  /** Since when somebody waits for a success; null while nobody does. */
  since: number | null;
  waiting: number;
  longest: number;
  succeeded: number;
}

export class Gaps {
  readonly #kinds = new Map<string, Asking>();

  started(kind: string, at: number): void {
    const asking = this.#of(kind);
    asking.since ??= at;
    asking.waiting += 1;
  }

  /** A failure ends the wait of one, but not the gap. */
  ended(kind: string, at: number, succeeded: boolean): void {
    const asking = this.#of(kind);
    asking.waiting -= 1;
    if (!succeeded) return;
    asking.succeeded += 1;
    asking.longest = Math.max(asking.longest, at - (asking.since ?? at));
    asking.since = asking.waiting > 0 ? at : null;
  }

  /** Also one that is still open. */
  longestMs(at: number): Readonly<Record<string, number>> {
    const gapOf = ({ longest, since }: Asking) =>
      Math.max(longest, since === null ? 0 : at - since);
    return Object.fromEntries(
      [...this.#kinds].map(([kind, asking]) => [kind, Math.round(gapOf(asking))]),
    );
  }

  succeeded(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#kinds].map(([kind, { succeeded }]) => [kind, succeeded]));
  }

  #of(kind: string): Asking {
    const known = this.#kinds.get(kind);
    if (known !== undefined) return known;
    const asking = { since: null, waiting: 0, longest: 0, succeeded: 0 };
    this.#kinds.set(kind, asking);
    return asking;
  }
}
