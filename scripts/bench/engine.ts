// What every system under measurement can do, Elanus and its peers alike.
import type { DataSet, DataSetName } from "./data-sets.js";

/** Graphs of the same kind everywhere. */
export const graph = { M: 16, efConstruction: 200 } as const;

export interface EngineWork {
  readonly dataSet: DataSetName;
  readonly rowCount: number;
  /** What a peer keeps between runs lies here: the search does not depend on when it was built. */
  readonly directory: string;
  /** Of Elanus: where it listens, and the collection that was loaded. */
  readonly url: string;
  readonly collection: string;
}

export interface SearchOptions {
  readonly k: number;
  readonly ef: number;
  /** Only rows whose bucket is below this; all when null. */
  readonly bucketsBelow: number | null;
  readonly consistency?: "strong" | "eventual";
}

export interface Engine {
  /** Builds an index over the rows, or opens what was built of them before. */
  open(set: DataSet, work: EngineWork): Promise<void>;
  /** The rows nearest to each query; synchronous where the engine is. */
  search(
    queries: readonly Float32Array[],
    options: SearchOptions,
  ): readonly (readonly number[])[] | Promise<readonly (readonly number[])[]>;
  close(): Promise<void>;
}

/** `bare-build` only builds: it measures how long that takes. */
export type EngineName = "elanus" | "bare" | "bare-build" | "zvec" | "lancedb" | "usearch";

export interface Load {
  readonly options: SearchOptions;
  /** Vectors a request. */
  readonly batch: number;
  readonly inFlight: number;
  readonly forMs: number;
}

export interface LoadResult {
  readonly vectors: number;
  readonly elapsedMs: number;
  /** Of each request. */
  readonly latenciesMs: Float64Array;
  /** From the first request to the last answer, in microseconds of the machine's clock. */
  readonly windowUs: readonly [number, number];
}

export type EngineRequest =
  | { readonly kind: "open"; readonly engine: EngineName; readonly work: EngineWork }
  | { readonly kind: "answers"; readonly options: SearchOptions; readonly count: number }
  | { readonly kind: "load"; readonly load: Load }
  | { readonly kind: "close" };

export type EngineReply =
  | { readonly kind: "done"; readonly seconds: number }
  | { readonly kind: "answers"; readonly answers: readonly (readonly number[])[] }
  | { readonly kind: "load"; readonly result: LoadResult }
  | { readonly kind: "failed"; readonly reason: string };
