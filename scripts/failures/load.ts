// The load of a failure scenario: requests on a fixed schedule, whatever became of the earlier.
import { setTimeout as delay } from "node:timers/promises";
import { ElanusError } from "../../src/client/elanus-error.js";
import type { Ledger } from "./ledger.js";

export const requestKinds = ["search", "insert", "delete", "query", "count"] as const;
export type RequestKind = (typeof requestKinds)[number];

export interface Sample {
  readonly kind: RequestKind;
  /** When the schedule asked for it, as `performance.now()` tells the time. */
  readonly dueAtMs: number;
  /** From then to its end: waiting behind others counts. */
  readonly tookMs: number;
  /** Null of an answer; the client's own retries are over by then. */
  readonly error: string | null;
}

export interface Load {
  readonly samples: readonly Sample[];
  /** Sends no more; resolves when all that was sent has ended. */
  stop(): Promise<void>;
}

export const requestsPerSecondDefault = 200;
/** Half searches, a quarter inserts, the rest deletes and the other reads. */
const pattern: readonly RequestKind[] = [
  ...(["search", "insert", "search", "delete", "search", "insert", "search", "query"] as const),
  ...(["search", "insert", "search", "delete", "search", "insert", "search", "count"] as const),
];
const tickMs = 5;

export function startLoad(ledger: Ledger, requestsPerSecond: number): Load {
  const samples: Sample[] = [];
  const inFlight = new Set<Promise<void>>();
  const stopping = new AbortController();
  const beganAtMs = performance.now();
  const send = (number: number) => {
    const dueAtMs = beganAtMs + (number * 1_000) / requestsPerSecond;
    const kind = pattern[number % pattern.length] ?? "search";
    const sent = measured(kind, dueAtMs, ledger[kind]()).then((sample) => {
      samples.push(sample);
      inFlight.delete(sent);
    });
    inFlight.add(sent);
  };
  const sending = (async () => {
    for (let number = 0; !stopping.signal.aborted; ) {
      const due = Math.floor(((performance.now() - beganAtMs) * requestsPerSecond) / 1_000);
      for (; number <= due; number += 1) send(number);
      await delay(tickMs);
    }
  })();
  return {
    samples,
    async stop() {
      stopping.abort();
      await sending;
      await Promise.all(inFlight);
    },
  };
}

async function measured(
  kind: RequestKind,
  dueAtMs: number,
  answer: Promise<void>,
): Promise<Sample> {
  const error = await answer.then(() => null, problemOf);
  return { kind, dueAtMs, tookMs: performance.now() - dueAtMs, error };
}

export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}

/** Anything else is a fault of the measurement itself, and ends it. */
function problemOf(error: unknown): string {
  if (error instanceof ElanusError) return error.message;
  if (error instanceof WrongAnswer) return `wrong: ${error.message}`;
  throw error;
}
