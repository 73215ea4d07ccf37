// Calls to a distant store: each attempt has a deadline, and passing failures are tried again.
import { ExponentialBackoff, handleWhen, retry } from "cockatiel";
import { UnavailableError } from "./errors.js";

export interface Patience {
  /** How often a call is made at most before the store counts as away. */
  readonly attempts: number;
  /** What an attempt may take, beside the time for its bytes. */
  readonly callMs: number;
  readonly bytesPerMs: number;
  /** Between attempts; the actual times are scattered. */
  readonly backoffMs: { readonly first: number; readonly max: number };
}

/** The time an attempt has left; `extendFor` once it turns out how many bytes will come. */
export interface Deadline {
  readonly signal: AbortSignal;
  extendFor(bytes: number): void;
}

/** What the errors of a store's library mean. */
export interface ErrorReader {
  isPassing(error: unknown): boolean;
  describe(error: unknown): string;
}

export class PatientCalls {
  readonly #patience: Patience;
  readonly #describe: (error: unknown) => string;
  readonly #retry: ReturnType<typeof retry>;

  constructor(patience: Patience, { isPassing, describe }: ErrorReader) {
    this.#patience = patience;
    this.#describe = describe;
    const { first: initialDelay, max: maxDelay } = patience.backoffMs;
    this.#retry = retry(handleWhen(isPassing), {
      maxAttempts: patience.attempts - 1,
      backoff: new ExponentialBackoff({ initialDelay, maxDelay }),
    });
  }

  /**
   * Rejects with an `UnavailableError` only; the error of the library stays out of it, since it
   * drags along connections and signatures. `bytes`: what the call sends.
   */
  async run<Result>(
    operation: string,
    bytes: number,
    attempt: (deadline: Deadline) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await this.#retry.execute(() => this.#inTime(bytes, attempt));
    } catch (error) {
      throw new UnavailableError(operation, this.#describe(error));
    }
  }

  async #inTime<Result>(
    bytes: number,
    attempt: (deadline: Deadline) => Promise<Result>,
  ): Promise<Result> {
    const { callMs, bytesPerMs } = this.#patience;
    const controller = new AbortController();
    const { signal } = controller;
    let timer: NodeJS.Timeout | undefined;
    const extendFor = (more: number): void => {
      clearTimeout(timer);
      const limitMs = callMs + more / bytesPerMs;
      timer = setTimeout(() => {
        controller.abort(new Error(`no answer within ${Math.round(limitMs)} ms`));
      }, limitMs);
    };
    extendFor(bytes);
    try {
      // What does not listen to the signal must not keep us either.
      return await Promise.race([attempt({ signal, extendFor }), aborted(signal)]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
