// A host that does not read what the cluster stores does not start, or ends; each with the reason.
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { encodeRecord, formatKey } from "../../src/messages/records.js";
import { memoryMetadataStore } from "../../src/storage/metadata-store-memory.js";
import { type FormatNotRead, FormatWatch } from "../../src/system/format-watch.js";

function watchOver(stored: object | null, min: number, max: number) {
  const metadata = memoryMetadataStore();
  const told: FormatNotRead[] = [];
  const outgrown = (error: FormatNotRead) => void told.push(error);
  const watch = new FormatWatch({ metadata, formats: { min, max }, everyMs: 10, outgrown });
  const start = async () => {
    if (stored !== null) await metadata.create(formatKey, encodeRecord(stored));
    await watch.start();
  };
  return { metadata, told, watch, start };
}

const record = (format: number, next: number | null = null) => ({ version: 1, format, next });

describe("the format watch", () => {
  it("lets in who reads what is on record and what it is about to be", async () => {
    for (const there of [null, record(2), record(2, 3)]) {
      const { watch, start } = watchOver(there, 1, 3);
      await start();
      watch.stop();
    }
  });

  it("refuses what is newer, what is about to be, and what is too old", async () => {
    const newer = "the cluster stores format 2: this version reads 1; start a newer version";
    await expect(watchOver(record(2), 1, 1).start()).rejects.toThrow(newer);
    await expect(watchOver(record(1, 2), 1, 1).start()).rejects.toThrow(newer);
    const older = "format 1: this version reads 2 to 3; start all hosts with the version before";
    await expect(watchOver(null, 2, 3).start()).rejects.toThrow(older);
    await expect(watchOver({ version: 7 }, 1, 1).start()).rejects.toThrow("cannot be read");
  });

  it("ends a host that the cluster outgrew while nobody heard of it, once", async () => {
    const { metadata, told, start } = watchOver(null, 1, 1);
    await start();
    await metadata.create(formatKey, encodeRecord(record(2)));
    await delay(200);
    expect(told.map(({ name }) => name)).toEqual(["FormatNotRead"]);
  });
});
