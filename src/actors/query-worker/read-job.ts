// Makes of a read what the search threads are to do for it.
import { keysLike } from "../../log/channel-fold.js";
import type { QueryMessage } from "../../messages/query.js";
import type { ComputeJob } from "../../system/compute.js";
import { type QueryWorkerState, schemaOf } from "./state.js";

/** Null for what no proxy sends: it must not end the worker, and then the next one. */
export function jobOf(
  state: QueryWorkerState,
  message: QueryMessage,
  at: number,
): ComputeJob | null {
  const { channel } = state.settings;
  const ranges = state.table.ranges.filter((range) => range.count > 0);
  const views = ranges.map((range) => ({
    range: range.number,
    rowCount: range.count,
    dead: range.dead,
  }));
  const { filter, outputFields, limit } = message;
  if (message.kind === "QueryChannel") {
    const ids = message.ids === null ? null : keysLike(schemaOf(state), message.ids);
    if (ids !== null && ids.length !== message.ids?.length) return null;
    const { mode } = message;
    return { kind: "scan", channel, views, at, ids, filter, limit, mode, outputFields };
  }
  const { field, vectors, count, ef, exact } = message;
  const declared = schemaOf(state).fields.find(({ name }) => name === field);
  if (declared?.metric === undefined || declared.dimension === undefined) return null;
  const { metric, dimension } = declared;
  const common = { channel, views, at, field, metric, dimension, filter, outputFields };
  return { kind: "search", ...common, vectors, count, limit: message.limit, ef, exact };
}
