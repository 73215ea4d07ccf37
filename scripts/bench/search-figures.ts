// The ways in which searches are sent, and the figures of a run that compares the systems in each.
import { percentile } from "../quickstart/measuring.js";
import type { DataSet } from "./data-sets.js";
import type { EngineName } from "./engine.js";
import type { EngineClient, Rate } from "./engine-client.js";
import type { Setting } from "./equal-recall.js";
import { type Figure, figure, type Given } from "./figures.js";

export interface Contender {
  readonly engine: EngineClient;
  readonly setting: Setting;
}

/** Enough that no core waits for work, in Elanus and in the peers that answer asynchronously. */
export const inFlight = 256;
const batch = 64;

export interface Way {
  readonly name: "one" | "many" | "batch";
  readonly inFlight: number;
  readonly batch: number;
  readonly processes?: number;
}

export const oneAtATime: Way = { name: "one", inFlight: 1, batch: 1, processes: 1 };

/** A synchronous engine gains nothing from several in flight: it has processes instead. */
export function waysOf({ name }: EngineClient): readonly Way[] {
  const isAsynchronous = name !== "bare" && name !== "usearch";
  const many: Way = { name: "many", inFlight: isAsynchronous ? inFlight : 1, batch: 1 };
  const batches: Way = { name: "batch", inFlight: isAsynchronous ? 4 : 1, batch };
  return [oneAtATime, many, batches];
}

export type Rates = Map<string, Rate[]>;
export const keyOf = (engine: EngineName, way: Way["name"]) => `${engine} ${way}`;

export const wordsOf = {
  one: "one in flight",
  many: "many in flight",
  batch: "64 vectors a request",
};

export function searchFigures(
  set: DataSet,
  rates: Rates,
  contenders: readonly Contender[],
): readonly Figure[] {
  const suffix = ` (${set.name}, ${set.rowCount.toLocaleString("en")} rows)`;
  const named = ({ id, what, ...rest }: Given) =>
    figure({ id: `search.${set.name}.${id}`, what: `${what}${suffix}`, ...rest });
  const given = [...comparisons(rates), ...contenders.flatMap((one) => ofOne(rates, one))];
  return given.filter(({ values }) => values.length > 0).map(named);
}

function comparisons(rates: Rates): readonly Given[] {
  const added = valuesOf(rates, "elanus", "one", "p50Ms").map(
    (own, round) => own - (valuesOf(rates, "bare", "one", "p50Ms")[round] ?? Number.NaN),
  );
  return [
    {
      id: "many.against-bare-thread",
      what: "Elanus, many in flight, against the bare loop on one thread",
      values: ratios(rates, "elanus many", "bare one"),
      unit: "x",
      target: [">=", 1.2],
    },
    ...(["zvec", "lancedb"] as const).map((peer): Given => againstMachine(rates, peer)),
    {
      id: "batch.against-bare-machine",
      what: "Elanus, 64 vectors a request, against the bare loop on all cores",
      values: ratios(rates, "elanus batch", "bare batch"),
      unit: "x",
      target: [">=", 0.9],
    },
    {
      id: "one.added",
      what: "Elanus, one in flight: added to the bare search, p50",
      values: added,
      unit: "ms",
      target: ["<=", 1],
    },
  ];
}

/** Against whichever way lets the peer do most. */
function againstMachine(rates: Rates, peer: EngineName): Given {
  const median = (way: Way["name"]) =>
    percentile(valuesOf(rates, peer, way, "vectorsPerSecond"), 0.5);
  const best = median("batch") > median("many") ? "batch" : "many";
  return {
    id: `many.against-${peer}`,
    what: `Elanus, many in flight, against ${peer} on the whole machine`,
    values: ratios(rates, "elanus many", keyOf(peer, best)),
    unit: "x",
    target: [">", 1],
  };
}

function ofOne(rates: Rates, { engine: { name }, setting }: Contender): readonly Given[] {
  const values = (way: Way["name"], what: keyof Pick<Rate, "p50Ms" | "p99Ms">) =>
    valuesOf(rates, name, way, what);
  return [
    { id: `${name}.recall`, what: `${name}: recall@10`, values: [setting.recall], unit: "" },
    { id: `${name}.ef`, what: `${name}: ef`, values: [setting.ef], unit: "" },
    ...(["one", "many", "batch"] as const).map((way) => ({
      id: `${name}.${way}`,
      what: `${name}: ${wordsOf[way]}`,
      values: valuesOf(rates, name, way, "vectorsPerSecond"),
      unit: "vectors/s",
    })),
    {
      id: `${name}.one.p50`,
      what: `${name}: one in flight, p50`,
      values: values("one", "p50Ms"),
      unit: "ms",
    },
    {
      id: `${name}.one.p99`,
      what: `${name}: one in flight, p99`,
      values: values("one", "p99Ms"),
      unit: "ms",
    },
  ];
}

function valuesOf(
  rates: Rates,
  engine: EngineName,
  way: Way["name"],
  what: keyof Omit<Rate, "windowUs">,
): readonly number[] {
  return (rates.get(keyOf(engine, way)) ?? []).map((rate) => rate[what]);
}

/** Of the same round each. */
function ratios(rates: Rates, of: string, against: string): readonly number[] {
  const others = rates.get(against) ?? [];
  return (rates.get(of) ?? []).flatMap(({ vectorsPerSecond }, round) => {
    const other = others[round];
    return other === undefined ? [] : [vectorsPerSecond / other.vectorsPerSecond];
  });
}
