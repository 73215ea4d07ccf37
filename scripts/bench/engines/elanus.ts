// Elanus itself, through its public client.
import type { Collection } from "../../../src/client/collection.js";
import { connectElanus, type ElanusClient } from "../../../src/client/connect.js";
import type { Engine, SearchOptions } from "../engine.js";

export function elanus(): Engine {
  let client: ElanusClient | null = null;
  let rows: Collection | null = null;
  return {
    async open(_set, { url, collection }) {
      client = await connectElanus({ url });
      rows = client.collection(collection);
    },
    async search(queries, options) {
      if (rows === null) throw new Error("there is no connection");
      const { results } = await rows.search(requestOf(queries, options));
      return results.map((hits) => hits.map(({ id }) => Number(id)));
    },
    async close() {
      await client?.close();
    },
  };
}

function requestOf(queries: readonly Float32Array[], options: SearchOptions) {
  const { k, ef, bucketsBelow, consistency } = options;
  const [vector] = queries;
  return {
    ...(queries.length === 1 && vector !== undefined ? { vector } : { vectors: queries }),
    ...(bucketsBelow === null ? {} : { filter: `bucket < ${bucketsBelow}` }),
    ...(consistency === undefined ? {} : { consistency }),
    limit: k,
    ef,
  };
}
