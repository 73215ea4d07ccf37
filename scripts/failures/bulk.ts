// A second collection of wide rows, written until its log takes no more.
import type { ElanusClient } from "../../src/client/connect.js";
import { ElanusError } from "../../src/client/elanus-error.js";
import type { Finding } from "./scenario.js";

export interface Filled {
  readonly rows: number;
  /** Of vectors that were acknowledged. */
  readonly bytes: number;
  readonly findings: readonly Finding[];
}

export interface Bulk {
  /**
   * Writes until a write is refused; what the refusal says is a finding. `reached` is called once
   * so many bytes are written.
   */
  fillLog(atBytes: number, reached: () => void): Promise<Filled>;
  flush(timeoutMs: number): Promise<void>;
  /** Whether a strong count is that of the rows that were acknowledged. */
  complete(rows: number): Promise<Finding>;
}

const name = "bulk";
const dimension = 1_024;
const rowBytes = dimension * Float32Array.BYTES_PER_ELEMENT;
const batchRows = 250;
/** More than any log of these scenarios takes. */
const batchesMax = 1_000;

export async function createBulk(client: ElanusClient): Promise<Bulk> {
  await client.createCollection({
    name,
    fields: [
      { name: "id", type: "Int64", primaryKey: true },
      { name: "v", type: "FloatVector", dimension },
    ],
    replicas: 1,
    // Without an index: memory and the log are what counts here.
    thresholds: { sealRows: 2_000, indexRowsMin: 1_000_000 },
  });
  const bulk = client.collection(name);
  const batch = (from: number) =>
    Array.from({ length: batchRows }, (_, index) => {
      return { id: from + index, v: new Float32Array(dimension).fill(from + index) };
    });
  return {
    async fillLog(atBytes, reached) {
      const rowsAt = Math.ceil(atBytes / rowBytes / batchRows) * batchRows;
      for (let rows = 0; rows < batchesMax * batchRows; rows += batchRows) {
        if (rows === rowsAt) reached();
        const refusal = await bulk.insert(batch(rows)).then(() => null, refusalOf);
        if (refusal !== null) return filled(rows, refusal);
      }
      return filled(batchesMax * batchRows, "nothing");
    },
    flush: (timeoutMs) => bulk.flush({ timeoutMs }),
    async complete(rows) {
      const { count } = await bulk.count();
      // The part of a write that was refused may be there.
      const met = count >= rows && count <= rows + batchRows;
      return {
        what: "wide rows, acknowledged and there",
        value: `${count}`,
        allowed: `${rows}`,
        met,
      };
    },
  };
}

function refusalOf(error: unknown): string {
  if (error instanceof ElanusError) return error.code;
  throw error;
}

function filled(rows: number, code: string): Filled {
  const finding = { what: "a full log says", value: code, allowed: "full", met: code === "full" };
  return { rows, bytes: rows * rowBytes, findings: [finding] };
}
