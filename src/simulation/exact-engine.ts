// An index that is exact: the same file as the real one's, and answers that a model can foretell.
import { referenceDistance } from "../index/distance.js";
import { decodeHnswFile, encodeHnswHeader, hnswHeaderBytes } from "../index/hnsw-file.js";
import { createTopK } from "../index/top-k.js";
import type { Metric } from "../rows/schema.js";
import type { IndexEngine } from "../segments/index-engine.js";

export const exactEngine: IndexEngine = {
  buildIndex({ vectors, dimension, metric, parameters }) {
    const { buffer, byteOffset, byteLength: payloadLength } = vectors;
    const count = vectors.length / dimension;
    const header = { metric, dimension, count, parameters, scale: 1, payloadLength };
    const file = new Uint8Array(hnswHeaderBytes + payloadLength);
    file.set(encodeHnswHeader(header));
    file.set(new Uint8Array(buffer, byteOffset, payloadLength), hnswHeaderBytes);
    return file;
  },
  loadIndex(bytes, expected) {
    const decoded = decodeHnswFile(bytes);
    if (!decoded.ok) return { reason: decoded.reason };
    const { metric, dimension, count } = decoded.header;
    if (metric !== expected.metric) return { reason: "another metric" };
    if (dimension !== expected.dimension) return { reason: "another dimension" };
    if (count !== expected.count) return { reason: "another count" };
    const vectors = new Float32Array(decoded.payload.slice().buffer);
    return {
      count,
      bytes: bytes.byteLength,
      search: (query, k, _ef, allowed) =>
        nearest({ vectors, dimension, metric }, query, k, allowed),
      free: () => undefined,
    };
  },
};

function nearest(
  { vectors, dimension, metric }: { vectors: Float32Array; dimension: number; metric: Metric },
  query: Float32Array,
  k: number,
  allowed: Uint8Array | undefined,
) {
  const top = createTopK(k);
  for (let row = 0; row * dimension < vectors.length; row += 1) {
    if (allowed !== undefined && allowed[row] === 0) continue;
    const vector = vectors.subarray(row * dimension, (row + 1) * dimension);
    top.offer(row, referenceDistance(metric, query, vector));
  }
  return top.finish();
}
