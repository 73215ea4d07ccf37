// One table as one Arrow IPC file with a checksum of its bytes: any Arrow reader opens it.
import assert from "node:assert/strict";
import {
  type Data,
  type Field,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchReader,
  Schema,
  Struct,
} from "apache-arrow";
import { expectThat } from "../rows/malformed.js";
import { hashParts } from "./xxhash.js";

export interface ArrowColumn {
  readonly field: Field;
  readonly data: Data;
}

/** What a file holds: `kind` and `version` say what its columns mean. */
export interface ArrowFormat {
  readonly kind: string;
  readonly version: number;
}

export interface ArrowTable {
  readonly count: number;
  readonly columns: readonly ArrowColumn[];
}

const magic = Buffer.from("ARROW1");
/** The file ends with the footer, the footer's length and the magic bytes. */
const trailerBytes = 4 + magic.length;
/** Arrow's JavaScript writer counts a column's bytes in 32 bits. */
const columnBytesMax = 2 ** 31 - 8;

const kindKey = "elanus.kind";
const versionKey = "elanus.version";
const checksumKey = "elanus.checksum";
const checksumMark = "xxh64:";
const checksumDigits = 16;
const unset = Buffer.from("0".repeat(checksumDigits));

/** All rows in one record batch, so that every column can be read in place. */
export function encodeArrowFile(format: ArrowFormat, table: ArrowTable): Uint8Array {
  const metadata = new Map([
    [kindKey, format.kind],
    [versionKey, String(format.version)],
    [checksumKey, checksumMark + unset.toString()],
  ]);
  const fields = table.columns.map((column) => column.field);
  assert(new Set(fields.map(({ name }) => name)).size === fields.length, "columns of one name");
  const children = table.columns.map((column) => column.data);
  for (const { byteLength } of children) {
    assert(byteLength <= columnBytesMax, "a column has more than 2 GiB");
  }
  const data = makeData({ type: new Struct(fields), length: table.count, nullCount: 0, children });
  const batch = new RecordBatch(new Schema(fields, metadata), data);
  const bytes = RecordBatchFileWriter.writeAll([batch]).toUint8Array(true);
  return seal(bytes);
}

/** The checksum stands in the footer; it is taken over the file with zeros in its place. */
function seal(bytes: Uint8Array): Uint8Array {
  const at = checksumPlace(bytes);
  bytes.set(Buffer.from(checksumOf(bytes, at)), at);
  return bytes;
}

function checksumOf(bytes: Uint8Array, at: number): string {
  return hashParts([bytes.subarray(0, at), unset, bytes.subarray(at + checksumDigits)]);
}

/**
 * Found by its mark, before anything is parsed: Arrow's reader trusts the lengths in a file, and
 * one flipped bit in them can make it take all memory there is.
 */
function checksumPlace(bytes: Uint8Array): number {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = file.length - trailerBytes;
  expectThat(end >= magic.length, "the file is too short");
  const isArrow = file.subarray(0, magic.length).equals(magic);
  expectThat(isArrow && file.subarray(-magic.length).equals(magic), "not an Arrow file");
  const footerLength = file.readInt32LE(end);
  expectThat(footerLength > 0 && footerLength < end, "the footer's length is wrong");
  const footer = file.subarray(end - footerLength, end);
  const mark = footer.lastIndexOf(checksumMark);
  expectThat(mark !== -1, "the file has no checksum");
  return end - footerLength + mark + checksumMark.length;
}

/**
 * Throws what `reasonOf` explains, for any bytes. The columns are views of `bytes`, which must not
 * change afterwards; Arrow copies them all once if they do not begin at a multiple of 8.
 */
export function openArrowFile(format: ArrowFormat, bytes: Uint8Array): ArrowTable {
  const at = checksumPlace(bytes);
  const stored = Buffer.from(bytes.subarray(at, at + checksumDigits)).toString("latin1");
  expectThat(stored === checksumOf(bytes, at), "the checksum does not fit: the file is damaged");
  const reader = RecordBatchReader.from(bytes).open();
  expectThat(reader.isFile() && reader.isSync(), "not an Arrow file");
  checkFormat(format, reader.schema.metadata);
  expectThat(reader.numRecordBatches === 1, "the file is not one record batch");
  expectThat(reader.numDictionaries === 0, "the file has dictionaries");
  const batch = reader.readRecordBatch(0);
  expectThat(batch !== null, "the record batch is missing");
  return tableOf(batch);
}

function checkFormat(format: ArrowFormat, metadata: ReadonlyMap<string, string>): void {
  const kind = metadata.get(kindKey);
  expectThat(kind === format.kind, `a file of '${kind}', not of '${format.kind}'`);
  const version = metadata.get(versionKey);
  expectThat(version === String(format.version), `${kind} version ${version} is not known`);
}

function tableOf(batch: RecordBatch): ArrowTable {
  const count = batch.numRows;
  expectThat(Number.isSafeInteger(count) && count >= 0, "the row count is no count");
  const columns = batch.schema.fields.map((field, index) => {
    const data = batch.data.children[index];
    expectThat(data !== undefined, `column '${field.name}' is missing`);
    expectThat(data.length === count && data.offset === 0, `'${field.name}' has other rows`);
    return { field, data };
  });
  return { count, columns };
}
