// A bound on what may wait at a time: what comes beyond it is turned away at once.

/** Nothing was done; the same may be asked again when less is waiting. */
export class OverloadedError extends Error {
  override readonly name = "OverloadedError";
}

export class Admission {
  private readonly what: string;
  private readonly max: number;
  private taken = 0;

  constructor(what: string, max: number) {
    this.what = what;
    this.max = max;
  }

  /** Calls `run` before it returns, or rejects with an `OverloadedError`. */
  async during<Result>(size: number, run: () => Promise<Result>): Promise<Result> {
    if (this.taken + size > this.max) {
      throw new OverloadedError(`overloaded: ${this.taken} of at most ${this.max} ${this.what}`);
    }
    this.taken += size;
    try {
      return await run();
    } finally {
      this.taken -= size;
    }
  }
}
