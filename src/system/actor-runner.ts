// Runs one actor: mailbox, apply, decide, effects; and again from scratch when that fails.
import type { ActorStatus } from "../messages/records.js";
import type { ActorDefinition, ActorReport, Now, Outcome } from "./actor.js";
import { type EffectPorts, EffectRunner } from "./effects.js";
import { Mailbox } from "./mailbox.js";

export interface RunnerPorts extends EffectPorts {
  now(): Now;
  /** Unique for ever, and fit for a subject. */
  newId(): string;
  report(level: "info" | "warn" | "error", actor: string, text: string): void;
  /** A life of this actor has ended, and with it what it had promised. */
  ended?(actor: string): void;
}

/** Beyond the first, restarts wait ever longer, since what failed may well fail again. */
const backoffMs = { first: 100, max: 30_000 };
/** An actor that lived this long has recovered from whatever ended the one before it. */
const settledMs = 30_000;

/** Time too may change what is shown of an actor to which nothing happens. */
const shownForMs = 3_000;

/** One life of the actor: its state, and the effects whose outcomes only this life may see. */
interface Life<State> {
  readonly state: State;
  readonly mailbox: Mailbox<Outcome>;
  readonly effects: EffectRunner;
  readonly beganAtMs: number;
}

export class ActorRunner<Settings, State> {
  readonly #definition: ActorDefinition<Settings, State>;
  readonly #settings: Settings;
  readonly #channel: string | null;
  readonly #ports: RunnerPorts;
  #life: Life<State> | null = null;
  #waiting: NodeJS.Timeout | null = null;
  #cause: string | null = null;
  /** Null: something has happened since it was made. */
  #shown: { readonly status: ActorStatus; readonly atMs: number } | null = null;
  #restarts = 0;
  #restartsInARow = 0;
  #isStopped = false;

  constructor(
    definition: ActorDefinition<Settings, State>,
    settings: Settings,
    channel: string | null,
    ports: RunnerPorts,
  ) {
    this.#definition = definition;
    this.#settings = settings;
    this.#channel = channel;
    this.#ports = ports;
    this.#begin();
  }

  get name(): string {
    const { name } = this.#definition;
    return this.#channel === null ? name : `${name} ${this.#channel}`;
  }

  /** The very same object as before where nothing has happened: hosts look often, at many. */
  get status(): ActorStatus {
    const now = performance.now();
    if (this.#shown === null || now - this.#shown.atMs > shownForMs) {
      this.#shown = { status: this.#statusNow(), atMs: now };
    }
    return this.#shown.status;
  }

  #statusNow(): ActorStatus {
    const { phase, cause, figures } = this.#reportOfState();
    const mailbox = this.#life?.mailbox;
    return {
      actor: this.#definition.name,
      channel: this.#channel,
      phase,
      cause,
      figures: {
        ...figures,
        mailbox: mailbox?.depth ?? 0,
        mailboxMax: mailbox?.depthMax ?? 0,
        restarts: this.#restarts,
      },
    };
  }

  /** False when no life of the actor can take it now. */
  tell(outcome: Outcome): boolean {
    return this.#life?.mailbox.tell(outcome) ?? false;
  }

  /** For a reason that the actor itself cannot see. */
  restart(reason: string): void {
    if (this.#life !== null) this.#restart(this.#life, reason, 0);
  }

  /** Takes nothing more, finishes what it has begun, and ends. */
  async drain(timeoutMs: number): Promise<void> {
    const life = this.#life;
    if (life !== null) {
      const until = performance.now() + timeoutMs;
      await life.mailbox.deliver({ kind: "Stopping" });
      await life.effects.drain(until - performance.now());
      await life.mailbox.drain(Math.max(0, until - performance.now()));
    }
    this.stop();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#waiting !== null) clearTimeout(this.#waiting);
    this.#end();
  }

  #begin(): void {
    this.#waiting = null;
    this.#shown = null;
    const mailbox: Mailbox<Outcome> = new Mailbox(
      this.name.replaceAll(" ", "-"),
      (outcome) => this.#handle(life, outcome),
      (error, outcome) => this.#crash(life, error, outcome),
    );
    const effects = new EffectRunner(this.#ports, {
      deliver: (outcome) => mailbox.deliver(outcome),
      report: (level, text) => this.#ports.report(level, this.name, text),
      restart: (reason, afterMs) => this.#restart(life, reason, afterMs),
    });
    const state = this.#definition.initial(this.#settings);
    const life: Life<State> = { state, mailbox, effects, beganAtMs: performance.now() };
    this.#life = life;
    mailbox.tell({ kind: "Started", incarnation: this.#ports.newId() });
  }

  #handle(life: Life<State>, outcome: Outcome): void {
    this.#shown = null;
    const now = this.#ports.now();
    this.#definition.apply(life.state, outcome, now);
    for (const effect of this.#definition.decide(life.state, now)) {
      // A restart among them ends this life, and what comes after it in the list.
      if (this.#life === life) life.effects.run(effect);
    }
  }

  #crash(life: Life<State>, error: unknown, outcome: Outcome): void {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#ports.report("error", this.name, `failed at ${outcome.kind}: ${what}`);
    const summary = error instanceof Error ? error.message : String(error);
    this.#restart(life, `failed at ${outcome.kind}: ${summary}`, backoffMs.first);
  }

  #restart(life: Life<State>, reason: string, afterMs: number): void {
    if (this.#life !== life || this.#isStopped) return;
    const hadSettled = performance.now() - life.beganAtMs > settledMs;
    this.#restartsInARow = hadSettled ? 0 : this.#restartsInARow + 1;
    this.#restarts += 1;
    this.#cause = reason;
    this.#end();
    const doublings = Math.min(this.#restartsInARow - 1, 10);
    const backoff = doublings <= 0 ? 0 : backoffMs.first * 2 ** doublings;
    const delayMs = Math.max(afterMs, Math.min(backoff, backoffMs.max));
    this.#ports.report("warn", this.name, `starts again in ${Math.round(delayMs)} ms: ${reason}`);
    this.#waiting = setTimeout(() => this.#begin(), delayMs);
  }

  #end(): void {
    this.#shown = null;
    if (this.#life === null) return;
    this.#life.effects.stop();
    this.#life.mailbox.stop();
    this.#life = null;
    this.#ports.ended?.(this.name);
  }

  #reportOfState(): ActorReport {
    if (this.#life === null) {
      const phase = this.#isStopped ? "stopped" : "restarting";
      return { phase, cause: this.#cause, figures: {} };
    }
    try {
      return this.#definition.status(this.#life.state, this.#ports.now());
    } catch (error) {
      return { phase: "unknown", cause: `its status fails: ${String(error)}`, figures: {} };
    }
  }
}
