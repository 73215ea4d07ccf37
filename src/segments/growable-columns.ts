// The rows of one range as columns that grow: scalars in arrays, each vector field in a slab.
import { createVectorSlab, type VectorSlab } from "../index/vector-slab.js";
import type { Column, RowBatch, ScalarColumn, VectorColumn } from "../rows/columns.js";
import { pickColumn } from "../rows/pick-rows.js";
import {
  type CollectionSchema,
  dynamicFieldName,
  type Field,
  type Metric,
  vectorFieldsOf,
} from "../rows/schema.js";
import { rawVectorsOf } from "../rows/stored-vectors.js";
import { createGrowableColumn, type GrowableColumn } from "./growable-column.js";
import { createValidity, type GrowableValidity } from "./growable-validity.js";

/** The metric of a field that names none. */
export const defaultMetric: Metric = "COSINE";

export interface GrowableVectors {
  readonly slab: VectorSlab;
  readonly metric: Metric;
  readonly dimension: number;
  /** One byte a row, 0 where the vector is null; absent when every row has one. */
  readonly valid: Uint8Array | undefined;
}

export interface GrowableColumns {
  readonly count: number;
  /** Of all but the vector fields; their arrays may be longer than `count`. */
  readonly scalars: ReadonlyMap<string, ScalarColumn>;
  /** The names of all columns. */
  readonly fields: readonly string[];
  vectors(field: string): GrowableVectors | undefined;
  /**
   * The batch must fit the schema (`batchMisfit`) and have its key column. Throws `MemoryFullError`
   * where the vectors have no room; the columns are of no use afterwards.
   */
  append(batch: RowBatch): void;
  /** Copies of these rows, in this order, with these fields. */
  takeRows(offsets: Uint32Array, fields: readonly string[]): RowBatch;
}

export function createGrowableColumns(schema: CollectionSchema, rows = 0): GrowableColumns {
  return new SchemaColumns(schema, rows);
}

interface VectorField extends GrowableVectors {
  readonly validity: GrowableValidity;
}

class SchemaColumns implements GrowableColumns {
  count = 0;
  private readonly columns = new Map<string, GrowableColumn>();
  private readonly vectorFields = new Map<string, VectorField>();

  constructor(schema: CollectionSchema, rows: number) {
    for (const { name, type } of schema.fields) {
      if (type !== "FloatVector") this.columns.set(name, createGrowableColumn(type, rows));
    }
    if (schema.dynamicFields)
      this.columns.set(dynamicFieldName, createGrowableColumn("JSON", rows));
    for (const field of vectorFieldsOf(schema)) {
      this.vectorFields.set(field.name, createVectorField(field, rows));
    }
  }

  get scalars(): ReadonlyMap<string, ScalarColumn> {
    return new Map([...this.columns].map(([name, column]) => [name, column.view]));
  }

  get fields(): readonly string[] {
    return [...this.columns.keys(), ...this.vectorFields.keys()];
  }

  vectors(field: string): GrowableVectors | undefined {
    return this.vectorFields.get(field);
  }

  append(batch: RowBatch): void {
    for (const [name, { slab, validity }] of this.vectorFields) {
      const column = batch.columns.get(name) as VectorColumn;
      slab.append(rawVectorsOf(column));
      validity.append(column.valid, this.count, batch.count);
    }
    for (const [name, column] of this.columns) {
      column.append(batch.columns.get(name) as ScalarColumn | undefined, batch.count);
    }
    this.count += batch.count;
  }

  takeRows(offsets: Uint32Array, fields: readonly string[]): RowBatch {
    const picks = { sources: new Uint32Array(offsets.length), positions: offsets };
    const columns = new Map<string, Column>();
    for (const name of fields) {
      const vectors = this.vectorFields.get(name);
      const scalars = this.columns.get(name);
      if (vectors !== undefined) columns.set(name, takeVectors(vectors, offsets));
      else if (scalars !== undefined) columns.set(name, pickColumn([scalars.view], picks));
      else throw new Error(`the schema has no field '${name}'`);
    }
    return { count: offsets.length, columns };
  }
}

function createVectorField(field: Field, rows: number): VectorField {
  const { metric = defaultMetric, dimension } = field;
  if (dimension === undefined) throw new Error(`the vector field '${field.name}' has no dimension`);
  const validity = createValidity();
  return {
    slab: createVectorSlab(dimension, metric, rows),
    metric,
    dimension,
    validity,
    get valid() {
      return validity.bytes;
    },
  };
}

function takeVectors({ slab, dimension, valid }: VectorField, offsets: Uint32Array): VectorColumn {
  const values = new Float32Array(offsets.length * dimension);
  for (let row = 0; row < offsets.length; row += 1) {
    slab.copyVector(offsets[row] as number, values, row * dimension);
  }
  const picked = valid === undefined ? undefined : Uint8Array.from(offsets, (at) => valid[at] ?? 1);
  return { type: "FloatVector", dimension, values, valid: picked };
}
