// A cache in Redis, shared by the hosts of a cluster: what it cannot give at once it does not have.
import { setImmediate } from "node:timers/promises";
import { ConsecutiveBreaker, circuitBreaker, handleWhen } from "cockatiel";
import { Redis, ReplyError } from "ioredis";
import { assertCacheKey, assertTimeToLive, type Cache } from "./cache.js";
import type { Counters } from "./counters.js";

export interface RedisTiming {
  /** How long a command may take before its caller goes on without it. */
  readonly commandMs: number;
  /** After some commands in a row without an answer none is sent for so long, then one. */
  readonly restMs: number;
  readonly failuresInARow: number;
  /** A connection on which nothing is heard for so long is replaced. */
  readonly silenceMs: number;
}

/** Commands that wait at a time: beyond them the cache counts as away. */
const inFlightMax = 1_024;
const reconnectMs = { first: 50, max: 5_000 };
const timingDefault: RedisTiming = {
  commandMs: 10,
  restMs: 1_000,
  failuresInARow: 3,
  silenceMs: 5_000,
};

/** A connection that never makes anybody wait: each command has an answer soon, or none. */
export class RedisLink {
  readonly #redis: Redis;
  readonly #timing: RedisTiming;
  readonly #breaker;
  #inFlight = 0;

  /** `keysBegin`: what keeps the keys apart from those of others in the same Redis. */
  constructor(url: string, timing: RedisTiming = timingDefault, keysBegin = "") {
    this.#timing = timing;
    this.#breaker = circuitBreaker(
      handleWhen((error) => !(error instanceof ReplyError)),
      {
        halfOpenAfter: timing.restMs,
        breaker: new ConsecutiveBreaker(timing.failuresInARow),
      },
    );
    this.#redis = new Redis(url, {
      keyPrefix: keysBegin,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      socketTimeout: timing.silenceMs,
      retryStrategy: (attempt) => {
        const waitMs = Math.min(reconnectMs.first * 2 ** Math.min(attempt, 20), reconnectMs.max);
        return waitMs * (0.5 + Math.random() / 2);
      },
    });
    // It connects again by itself, for ever; meanwhile the cache is empty, and says so to nobody.
    this.#redis.on("error", () => undefined);
  }

  /** Whether there is a connection: commands may go unanswered all the same. */
  get isReady(): boolean {
    return this.#redis.status === "ready";
  }

  /** Undefined when there is no answer in time, or a refusal. Never rejects. */
  async ask<Answer>(command: (redis: Redis) => Promise<Answer>): Promise<Answer | undefined> {
    if (!this.isReady || this.#inFlight >= inFlightMax) return undefined;
    this.#inFlight += 1;
    try {
      return await this.#breaker.execute(() => this.#inTime(command(this.#redis)));
    } catch {
      return undefined; // Not asked, not answered or refused: to the caller it is all the same.
    } finally {
      this.#inFlight -= 1;
    }
  }

  close(): void {
    this.#redis.disconnect();
  }

  async #inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        // When this thread was busy the answer may be here, unread.
        void setImmediate().then(() => reject(new Error("no answer in time")));
      }, this.#timing.commandMs);
    });
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }
}

export function redisCache(link: RedisLink): Cache {
  return {
    async get(key) {
      assertCacheKey(key);
      const bytes = await link.ask((redis) => redis.getBuffer(key));
      return bytes == null ? undefined : new Uint8Array(bytes);
    },
    async set(key, bytes, ttlMs) {
      assertCacheKey(key);
      assertTimeToLive(ttlMs);
      const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      await link.ask((redis) => redis.set(key, value, "PX", ttlMs));
    },
    async delete(key) {
      assertCacheKey(key);
      await link.ask((redis) => redis.del(key));
    },
  };
}

export function redisCounters(link: RedisLink): Counters {
  return {
    async add(key, amount, ttlMs) {
      assertCacheKey(key);
      assertTimeToLive(ttlMs);
      const answers = await link.ask((redis) =>
        redis.multi().incrby(key, amount).pexpire(key, ttlMs).exec(),
      );
      const [error, value] = answers?.[0] ?? [];
      return error == null && Number.isSafeInteger(value) ? (value as number) : undefined;
    },
  };
}
