// Builds indexes and merges segments, one task at a time; its death gives the task to another.
import { createHash } from "node:crypto";
import {
  IndexBuilt,
  type ObjectReference,
  SegmentDamaged,
  SegmentsCompacted,
} from "../messages/control.js";
import { type TaskMessage, taskMessages } from "../messages/task.js";
import {
  type DeliveryId,
  defineActor,
  type Effect,
  type ObjectFailure,
  type Outcome,
} from "../system/actor.js";
import type { ComputeResult } from "../system/compute.js";
import { indexProduct, mergedProduct, type Product } from "./index-worker/product.js";

export interface IndexWorkerSettings {
  readonly host: string;
  /** A task that is neither acknowledged nor extended for this long goes to another. */
  readonly ackWaitMs: number;
}

interface Task {
  readonly delivery: DeliveryId;
  readonly message: TaskMessage;
  product: Product | null;
  writes: number;
  /** After a merge met damage: the segments that are still to be looked at one by one. */
  suspects: { segmentId: string; object: ObjectReference }[] | null;
}

interface IndexWorkerState {
  readonly settings: IndexWorkerSettings;
  incarnation: string;
  phase: "starting" | "idle" | "asking" | "working" | "pausing" | "stopping";
  task: Task | null;
  /** In a row; they lengthen the pause. */
  failures: number;
  cause: string | null;
  done: number;
  /** The effect whose outcome moves the task on. */
  inHand: string | null;
  readonly timers: { extend: string | null; pause: string | null; write: string | null };
  nextId: number;
  outbox: Effect[];
}

/** A task that came to nothing so often is given up; who needs its product asks again. */
const deliveriesMax = 5;
const writesMax = 5;
const pauseMs = 1_000;
const pauseMsMax = 60_000;

function initial(settings: IndexWorkerSettings): IndexWorkerState {
  return {
    settings,
    incarnation: "",
    phase: "starting",
    task: null,
    failures: 0,
    cause: null,
    done: 0,
    inHand: null,
    timers: { extend: null, pause: null, write: null },
    nextId: 1,
    outbox: [],
  };
}

function apply(state: IndexWorkerState, outcome: Outcome): void {
  switch (outcome.kind) {
    case "Started":
      state.incarnation = outcome.incarnation;
      state.phase = "idle";
      return;
    case "Stopping":
      state.phase = "stopping";
      state.task = null;
      return;
    case "Delivered":
      if (state.phase !== "asking") return;
      return begin(state, outcome.delivery, outcome.deliveries, outcome.message as TaskMessage);
    case "TimerFired":
      return applyTimer(state, outcome.id);
    case "ObjectRead":
    case "ObjectWritten":
    case "Computed":
      if (state.task === null || state.inHand !== outcome.id) return;
      state.inHand = null;
      return applyStep(state, state.task, outcome);
    default:
      return;
  }
}

function begin(
  state: IndexWorkerState,
  delivery: DeliveryId,
  deliveries: number,
  message: TaskMessage,
): void {
  state.phase = "working";
  state.task = { delivery, message, product: null, writes: 0, suspects: null };
  // What was delivered so often may be what kills its workers: it is not even begun.
  if (deliveries > deliveriesMax)
    return giveUp(state, `given up after ${deliveriesMax} deliveries`);
  extendLater(state);
  if (message.kind === "BuildIndex") return readObject(state, message.segment);
  const job = { kind: "compact", task: message } as const;
  state.outbox.push({ kind: "compute", id: step(state), job });
}

function applyTimer(state: IndexWorkerState, id: string): void {
  const { timers, task } = state;
  if (id === timers.pause) {
    timers.pause = null;
    if (state.phase === "pausing") state.phase = "idle";
  }
  if (id === timers.extend) {
    timers.extend = null;
    if (task === null) return;
    state.outbox.push({ kind: "extend", delivery: task.delivery });
    extendLater(state);
  }
  if (id === timers.write) {
    timers.write = null;
    if (task !== null) write(state, task);
  }
}

function applyStep(
  state: IndexWorkerState,
  task: Task,
  outcome: Extract<Outcome, { kind: "ObjectRead" | "ObjectWritten" | "Computed" }>,
): void {
  switch (outcome.kind) {
    case "ObjectRead":
      if (task.suspects !== null) return applySuspect(state, task, outcome.result);
      if (!outcome.result.ok) return applyUnreadable(state, task, outcome.result);
      return build(state, task, outcome.result.bytes);
    case "ObjectWritten":
      if (outcome.result.ok) return announce(state, task);
      return writeLater(state, task, outcome.result.detail);
    case "Computed":
      if (!outcome.result.ok) return leave(state, outcome.result.detail);
      return applyComputed(state, task, outcome.result.value);
  }
}

function build(state: IndexWorkerState, { message }: Task, bytes: Uint8Array): void {
  if (message.kind !== "BuildIndex") throw new Error(`${message.kind} reads no segment itself`);
  const job = { kind: "buildIndex", task: message, bytes } as const;
  state.outbox.push({ kind: "compute", id: step(state), job });
}

function applyComputed(state: IndexWorkerState, task: Task, value: ComputeResult): void {
  const { message } = task;
  if (value.kind === "unreadable") return applyUnreadable(state, task, value);
  if (value.kind === "invalid") return giveUp(state, value.message);
  const attempt = attemptOf(state, task);
  if (value.kind === "indexBuilt" && message.kind === "BuildIndex") {
    task.product = indexProduct(message, value, attempt);
  } else if (value.kind === "compacted" && message.kind === "CompactSegments") {
    task.product = mergedProduct(message, value, attempt);
  } else throw new Error(`${message.kind} was computed as '${value.kind}'`);
  write(state, task);
}

/** No other attempt has it, so no two ever write under one key. */
function attemptOf({ incarnation }: IndexWorkerState, { delivery }: Task): string {
  const hash = createHash("sha256").update(JSON.stringify([incarnation, delivery]));
  return hash.digest("hex").slice(0, 16);
}

function write(state: IndexWorkerState, task: Task): void {
  const object = task.product?.object;
  if (!object) return announce(state, task);
  task.writes += 1;
  state.outbox.push({ kind: "writeObject", id: step(state), ...object });
}

/** Hours of work may be at stake: the store is given time to come back. */
function writeLater(state: IndexWorkerState, task: Task, detail: string): void {
  if (task.writes >= writesMax) return leave(state, detail);
  state.cause = detail;
  state.timers.write = `write-${state.nextId++}`;
  const afterMs = pauseMs * 2 ** (task.writes - 1);
  state.outbox.push({ kind: "timer", id: state.timers.write, afterMs });
}

function announce(state: IndexWorkerState, { product }: Task): void {
  if (product === null) throw new Error("an announcement without a product");
  state.outbox.push({ kind: "publish", message: product.fact, messageId: null });
  state.done += 1;
  finish(state);
}

/** Missing: dropped, or merged away, since the task was given. */
function applyUnreadable(
  state: IndexWorkerState,
  task: Task,
  { reason, detail }: Pick<ObjectFailure, "reason" | "detail">,
): void {
  if (reason === "unavailable") return leave(state, detail);
  if (reason === "missing") return finish(state);
  const { message } = task;
  if (message.kind === "BuildIndex") {
    publishDamage(state, message, message.segmentId, detail);
    return finish(state);
  }
  task.suspects = [...message.inputs, ...message.laterSegments];
  state.cause = detail;
  lookAtNext(state, task);
}

/** A merge reads many objects; which of them is damaged shows when each is read alone. */
function lookAtNext(state: IndexWorkerState, task: Task): void {
  const suspect = task.suspects?.[0];
  if (suspect !== undefined) return readObject(state, suspect.object);
  giveUp(state, state.cause ?? "an object is damaged");
}

function applySuspect(
  state: IndexWorkerState,
  task: Task,
  result: Extract<Outcome, { kind: "ObjectRead" }>["result"],
): void {
  if (!result.ok && result.reason === "unavailable") return leave(state, result.detail);
  const suspect = task.suspects?.shift();
  if (suspect && !result.ok && result.reason === "corrupt") {
    publishDamage(state, task.message, suspect.segmentId, result.detail);
  }
  lookAtNext(state, task);
}

function publishDamage(
  state: IndexWorkerState,
  { channel }: TaskMessage,
  segmentId: string,
  reason: string,
): void {
  const message = SegmentDamaged.create({ channel, segmentId, reason });
  state.outbox.push({ kind: "publish", message, messageId: null });
}

function readObject(state: IndexWorkerState, { key, sha256 }: ObjectReference): void {
  state.outbox.push({ kind: "readObject", id: step(state), key, sha256 });
}

/** Not acknowledged: it is delivered again when its time is over, here or elsewhere. */
function leave(state: IndexWorkerState, detail: string): void {
  if (state.task === null) throw new Error("no task to leave");
  const text = `${nameOf(state.task.message)} is left for later: ${detail}`;
  state.outbox.push({ kind: "report", level: "warn", text });
  state.cause = detail;
  state.task = null;
  state.phase = "pausing";
  state.timers.pause = `pause-${state.nextId++}`;
  const afterMs = Math.min(pauseMs * 2 ** state.failures, pauseMsMax);
  state.failures += 1;
  state.outbox.push({ kind: "timer", id: state.timers.pause, afterMs });
}

function giveUp(state: IndexWorkerState, reason: string): void {
  if (state.task === null) throw new Error("no task to give up");
  const text = `${nameOf(state.task.message)}: ${reason}`;
  state.outbox.push({ kind: "report", level: "error", text });
  finish(state);
}

/** After the announcement: one that is lost with the acknowledgement is made again. */
function finish(state: IndexWorkerState): void {
  if (state.task === null) throw new Error("no task to finish");
  state.outbox.push({ kind: "acknowledge", delivery: state.task.delivery });
  state.task = null;
  state.phase = "idle";
  state.failures = 0;
  state.cause = null;
}

function nameOf(message: TaskMessage): string {
  const { kind, channel } = message;
  const ids = kind === "BuildIndex" ? [message.segmentId] : message.inputs.map((i) => i.segmentId);
  return `${kind} of ${ids.join(", ")} in ${channel}`;
}

function extendLater(state: IndexWorkerState): void {
  if (state.timers.extend !== null) return;
  const id = `extend-${state.nextId++}`;
  state.timers.extend = id;
  state.outbox.push({ kind: "timer", id, afterMs: state.settings.ackWaitMs / 3 });
}

/** The id of the effect that the task now waits for. */
function step(state: IndexWorkerState): string {
  const id = String(state.nextId++);
  state.inHand = id;
  return id;
}

function decide(state: IndexWorkerState): readonly Effect[] {
  if (state.phase === "idle") {
    state.phase = "asking";
    state.outbox.push({ kind: "take", definitions: taskMessages, token: null, credits: 1 });
  }
  const effects = state.outbox;
  state.outbox = [];
  return effects;
}

export const indexWorker = defineActor<IndexWorkerSettings, IndexWorkerState>({
  name: "index-worker",
  accepts: taskMessages,
  emits: [IndexBuilt, SegmentsCompacted, SegmentDamaged],
  initial,
  apply,
  decide,
  status: ({ phase, cause, done, failures }) => ({ phase, cause, figures: { done, failures } }),
});
