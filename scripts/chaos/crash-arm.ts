// Lets a real host kill itself at a point that its parent has written to a file, told by a signal.
import { existsSync, readFileSync } from "node:fs";
import { EffectSteps } from "../../src/simulation/crashes/effect-steps.js";
import type { Effect } from "../../src/system/actor.js";
import type { ChangeDefinition } from "../../src/system/actor-table.js";

/** The file that names the point; read at the start and at each of the signal. */
export const crashFileVariable = "ELANUS_TEST_CRASH_FILE";
export const mutantVariable = "ELANUS_TEST_MUTANT";
/** The version to pass for, and the stored formats to read: `2.0.0 1 2`. */
export const versionVariable = "ELANUS_TEST_VERSION";
export const armSignal = "SIGUSR2";

/** By then what was sent has left the process. */
const sentMs = 20;

/** Seals, purges and collections come soon enough to die of them. */
const quickSettings = { objectGraceMs: 2_000, duplicateWindowMs: 3_000 };

class CrashArm {
  readonly #file: string;
  #point: string | null = null;
  isDying = false;

  constructor(file: string) {
    this.#file = file;
    this.#read();
    process.on(armSignal, () => this.#read());
  }

  #read(): void {
    this.#point = existsSync(this.#file) ? readFileSync(this.#file, "utf8").trim() : null;
  }

  /** True: the process dies, and does nothing more that was not begun. */
  before(step: string): boolean {
    if (this.#point !== `${step}/before`) return false;
    this.isDying = true;
    setImmediate(die);
    return true;
  }

  after(step: string): void {
    if (this.#point === `${step}/after`) die();
  }

  sent(step: string): void {
    if (this.#point === `${step}/after`) setTimeout(die, sentMs);
  }
}

function die(): void {
  process.kill(process.pid, "SIGKILL");
}

export function armedByFile(file: string): ChangeDefinition {
  const arm = new CrashArm(file);
  return (definition) => {
    const lives = new WeakMap<object, EffectSteps>();
    const stepsOf = (state: unknown) => {
      const steps = lives.get(state as object) ?? new EffectSteps(definition.name);
      lives.set(state as object, steps);
      return steps;
    };
    return {
      ...definition,
      initial(settings) {
        const isData = definition.name === "data-worker";
        return definition.initial(isData ? { ...settings, ...quickSettings } : settings);
      },
      apply(state, outcome, now) {
        const step = stepsOf(state).heard(outcome);
        if (step !== null) arm.after(step);
        if (!arm.isDying) definition.apply(state, outcome, now);
      },
      decide: (state, now) =>
        arm.isDying ? [] : untilDeath(arm, stepsOf(state), definition.decide(state, now)),
    };
  };
}

/** What comes before the point in the list is begun, and the rest is not. */
function untilDeath(arm: CrashArm, steps: EffectSteps, effects: readonly Effect[]): Effect[] {
  const begun: Effect[] = [];
  for (const effect of effects) {
    const asked = steps.asked(effect);
    if (asked !== null && arm.before(asked.step)) return begun;
    if (asked !== null && !asked.hasOutcome) arm.sent(asked.step);
    begun.push(effect);
  }
  return begun;
}
