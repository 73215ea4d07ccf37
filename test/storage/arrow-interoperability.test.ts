// Arrow's C++ implementation, through pyarrow where it is installed, reads our segments alike.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { encodeSegment } from "../../src/storage/segment-file.js";
import { encodeTombstones } from "../../src/storage/tombstones-file.js";
import { everyColumn } from "../rows/batches.js";

const hasPyarrow = spawnSync("python3", ["-c", "import pyarrow"]).status === 0;

const script = `
import json, sys
import pyarrow as pa
with pa.memory_map(sys.argv[1]) as source:
    reader = pa.ipc.open_file(source)
    table = reader.read_all()
    table.validate(full=True)
    schema = {field.name: str(field.type) for field in table.schema}
    about = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    print(json.dumps({"schema": schema, "about": about, "rows": table.to_pylist()}))
`;

function readByPyarrow(bytes: Uint8Array) {
  const folder = mkdtempSync(join(tmpdir(), "elanus-arrow-"));
  try {
    const file = join(folder, "table.arrow");
    writeFileSync(file, bytes);
    return JSON.parse(execFileSync("python3", ["-c", script, file], { encoding: "utf8" }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it.skipIf(!hasPyarrow)("pyarrow reads a segment and tombstones", () => {
  const batch = everyColumn(4, 2);
  const bytes = encodeSegment({
    sequences: Float64Array.of(7, 7, 7, 2 ** 40),
    rowNumbers: Uint32Array.of(0, 1, 2, 0),
    commits: BigUint64Array.of(5n, 5n, 5n, 6n),
    batch,
  });
  const segment = readByPyarrow(bytes);
  expect(segment.schema).toEqual({
    $sequence: "uint64",
    $row: "uint32",
    $commit: "uint64",
    key: "int64",
    vector: "fixed_size_list<item: float not null>[2]",
    title: "string",
    $meta: "string",
    flag: "bool",
    tiny: "int8",
    small: "int16",
    medium: "int32",
    float: "float",
    double: "double",
  });
  expect(segment.about).toMatchObject({ "elanus.kind": "segment", "elanus.version": "1" });
  const sequences = segment.rows.map((row: { $sequence: number }) => row.$sequence);
  expect(sequences).toEqual([7, 7, 7, 2 ** 40]);
  const [first, second, third] = segment.rows;
  expect(first).toMatchObject({ title: "wört 0 鳶 🪁", flag: false, tiny: -128, double: 0 });
  expect(second).toMatchObject({ title: null, $meta: null, flag: null, small: null, float: null });
  expect(third.vector).toEqual([Math.fround(Math.sin(4)), Math.fround(Math.sin(5))]);
  expect(JSON.parse(third.$meta)).toEqual({ row: 2, tags: ["a", null] });

  const tombstone = { key: "k", sequence: 9, bornThrough: 8, commit: 7n };
  const { rows } = readByPyarrow(encodeTombstones([tombstone]));
  expect(rows).toEqual([{ key: "k", sequence: 9, bornThrough: 8, commit: 7 }]);
});
