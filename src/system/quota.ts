// What each database may ask for in a second, counted by all proxies together.
import type { Counters } from "../storage/counters.js";

/** For each database and second, over all proxies; null: as much as they can bear. */
export interface QuotaLimits {
  readonly requests: number | null;
  /** Of the bodies of requests. */
  readonly bytes: number | null;
}

export type Admitted = { readonly ok: true } | { readonly ok: false; readonly spent: string };

const windowMs = 1_000;
/** A window's counters outlive it, so that a slow clock does not begin one again. */
const counterTtlMs = 10_000;
const postEveryMs = 50;
/** Names come from clients: databases beyond these share one budget. */
const databasesMax = 4_096;
const others = "*";

/** What was admitted in this window: here, told to the others, and by the others. */
interface Count {
  own: number;
  posted: number;
  elsewhere: number;
}

interface Spending {
  readonly window: number;
  readonly requests: Count;
  readonly bytes: Count;
  isPosting: boolean;
}

/**
 * Nobody waits for the counters: a proxy admits by what it knows, tells its own part twenty times a
 * second and hears the sum. So proxies together can exceed a limit by what they admit meanwhile;
 * with the counters away each counts alone. What is wrong in the counters delays requests for a
 * second at most and changes no answer.
 */
export class Quota {
  readonly #limits: QuotaLimits;
  readonly #counters: Counters | null;
  readonly #prefix: string;
  readonly #spendings = new Map<string, Spending>();
  readonly #timer: NodeJS.Timeout | null;

  constructor(limits: QuotaLimits, counters: Counters | null, prefix = "quota") {
    this.#limits = limits;
    this.#counters = counters;
    this.#prefix = prefix;
    const isUsed = limits.requests !== null || limits.bytes !== null;
    this.#timer = isUsed ? setInterval(() => this.#tick(Date.now()), postEveryMs) : null;
  }

  /** A request is admitted while its second's budget is not used up, however large it is. */
  admit(database: string, bytes: number, wallMs: number): Admitted {
    const { requests, bytes: bytesMax } = this.#limits;
    if (this.#timer === null) return { ok: true };
    const spending = this.#spendingOf(database, Math.floor(wallMs / windowMs));
    if (requests !== null && total(spending.requests) >= requests) {
      return { ok: false, spent: `${requests} requests` };
    }
    if (bytesMax !== null && total(spending.bytes) >= bytesMax) {
      return { ok: false, spent: `${bytesMax} bytes` };
    }
    spending.requests.own += 1;
    spending.bytes.own += bytes;
    return { ok: true };
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #spendingOf(database: string, window: number): Spending {
    const isKnown = this.#spendings.has(database) || this.#spendings.size < databasesMax;
    const name = isKnown ? database : others;
    const current = this.#spendings.get(name);
    // Not the later of both: a clock that was set back must not keep a spent budget.
    if (current?.window === window) return current;
    const fresh = { window, requests: nothing(), bytes: nothing(), isPosting: false };
    this.#spendings.set(name, fresh);
    return fresh;
  }

  #tick(wallMs: number): void {
    for (const [database, spending] of this.#spendings) {
      const isNear = Math.abs(spending.window - Math.floor(wallMs / windowMs)) <= 2;
      if (!isNear) this.#spendings.delete(database);
      else if (!spending.isPosting) void this.#post(database, spending);
    }
  }

  async #post(database: string, spending: Spending): Promise<void> {
    spending.isPosting = true;
    await Promise.all([
      this.#postCount(`${database}:requests:${spending.window}`, spending.requests),
      this.#postCount(`${database}:bytes:${spending.window}`, spending.bytes),
    ]);
    spending.isPosting = false;
  }

  async #postCount(name: string, count: Count): Promise<void> {
    const amount = count.own - count.posted;
    if (this.#counters === null || count.own === 0) return;
    const sum = await this.#counters.add(`${this.#prefix}:${name}`, amount, counterTtlMs);
    if (sum === undefined) return;
    count.posted += amount;
    count.elsewhere = Math.max(0, sum - count.posted);
  }
}

function nothing(): Count {
  return { own: 0, posted: 0, elsewhere: 0 };
}

function total({ own, elsewhere }: Count): number {
  return own + elsewhere;
}
