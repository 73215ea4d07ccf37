// Sends a request again when nobody answers for a while: the proxy that took it may be dead.

/** Runs an attempt: `send` gets what time is left, and the first to end is the answer. */
export type Hedging = <Value>(
  timeoutMs: number,
  send: (leftMs: number) => Promise<Value>,
) => Promise<Value>;

/** Two copies at most: a frozen proxy may be given the first of them as well. */
const copiesAfterMs = [1_000, 3_000];
/** A slow cluster is not to get much more work for it: a copy for ten answers, and some at once. */
const copiesAtOnce = 50;
const copiesEachAnswer = 0.1;

export function createHedging(): Hedging {
  let copiesLeft = copiesAtOnce;
  return (timeoutMs, send) => {
    return new Promise((resolve, reject) => {
      const start = (leftMs: number) => {
        void send(leftMs).then(resolve, reject).finally(end);
      };
      const copy = (leftMs: number) => {
        if (copiesLeft < 1) return;
        copiesLeft -= 1;
        start(leftMs);
      };
      const timers = copiesAfterMs
        .filter((afterMs) => afterMs < timeoutMs)
        .map((afterMs) => setTimeout(() => copy(timeoutMs - afterMs), afterMs));
      const end = () => {
        for (const timer of timers) clearTimeout(timer);
        copiesLeft = Math.min(copiesAtOnce, copiesLeft + copiesEachAnswer);
      };
      start(timeoutMs);
    });
  };
}
