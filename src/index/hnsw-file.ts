// The index file: a header of our own in front of what hnswlib wrote, since hnswlib checks nothing.
import { createHash } from "node:crypto";
import { dimensionMax, type IndexParameters, type Metric, metrics } from "../rows/schema.js";

export interface HnswHeader {
  readonly metric: Metric;
  readonly dimension: number;
  /** Rows in the index: its labels are the row offsets 0 to `count - 1`. */
  readonly count: number;
  readonly parameters: IndexParameters;
  /** What rows were multiplied with before they went in (`hnsw.ts` says why). */
  readonly scale: number;
  readonly payloadLength: number;
}

export type HnswFileReason =
  | "truncated"
  | "not an index file"
  | "unknown format version"
  | "damaged header"
  | "longer than its header says";

export type DecodedHnswFile =
  | { readonly ok: true; readonly header: HnswHeader; readonly payload: Uint8Array }
  | { readonly ok: false; readonly reason: HnswFileReason };

const magic = Buffer.from("ELANHNSW", "latin1");
const formatVersion = 1;
const checksumAt = 48;
export const hnswHeaderBytes = 64;

/**
 * The header, little-endian: magic (8 bytes), format version, metric, dimension, count, M,
 * efConstruction (uint32 each), scale (float64), payload length (uint64), and the first 16 bytes
 * of the SHA-256 of all that. The payload follows it.
 */
export function encodeHnswHeader(header: HnswHeader): Uint8Array {
  const bytes = Buffer.alloc(hnswHeaderBytes);
  magic.copy(bytes);
  bytes.writeUInt32LE(formatVersion, 8);
  bytes.writeUInt32LE(metrics.indexOf(header.metric), 12);
  bytes.writeUInt32LE(header.dimension, 16);
  bytes.writeUInt32LE(header.count, 20);
  bytes.writeUInt32LE(header.parameters.M, 24);
  bytes.writeUInt32LE(header.parameters.efConstruction, 28);
  bytes.writeDoubleLE(header.scale, 32);
  bytes.writeBigUInt64LE(BigInt(header.payloadLength), 40);
  checksum(bytes).copy(bytes, checksumAt);
  return bytes;
}

/** Sees any damage of the header; the caller has compared the hash of the whole file before. */
export function decodeHnswFile(file: Uint8Array): DecodedHnswFile {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < hnswHeaderBytes) return { ok: false, reason: "truncated" };
  if (!bytes.subarray(0, 8).equals(magic)) return { ok: false, reason: "not an index file" };
  if (bytes.readUInt32LE(8) !== formatVersion) {
    return { ok: false, reason: "unknown format version" };
  }
  const header = readHeader(bytes);
  if (header === undefined) return { ok: false, reason: "damaged header" };
  const length = hnswHeaderBytes + header.payloadLength;
  if (bytes.length < length) return { ok: false, reason: "truncated" };
  if (bytes.length > length) return { ok: false, reason: "longer than its header says" };
  return { ok: true, header, payload: file.subarray(hnswHeaderBytes) };
}

function readHeader(bytes: Buffer): HnswHeader | undefined {
  if (!checksum(bytes).equals(bytes.subarray(checksumAt, hnswHeaderBytes))) return undefined;
  const metric = metrics[bytes.readUInt32LE(12)];
  const dimension = bytes.readUInt32LE(16);
  const count = bytes.readUInt32LE(20);
  const scale = bytes.readDoubleLE(32);
  const isSane = dimension >= 1 && dimension <= dimensionMax && count >= 1 && scale > 0;
  if (metric === undefined || !isSane) return undefined;
  return {
    metric,
    dimension,
    count,
    parameters: { M: bytes.readUInt32LE(24), efConstruction: bytes.readUInt32LE(28) },
    scale,
    payloadLength: Number(bytes.readBigUInt64LE(40)),
  };
}

function checksum(bytes: Buffer): Buffer {
  const hash = createHash("sha256").update(bytes.subarray(0, checksumAt)).digest();
  return hash.subarray(0, hnswHeaderBytes - checksumAt);
}
