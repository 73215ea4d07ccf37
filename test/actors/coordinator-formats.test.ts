// The number of the stored format: raised when every host reads a newer one, and never lowered.
import { describe, expect, it } from "vitest";
import { decodeRecord, encodeRecord, formatKey, formatRecord } from "../../src/messages/records.js";
import { type Cluster, type Host, sessionTtlMs, smallCluster, statusOf } from "./cluster.js";

const newer = { min: 1, max: 2 };

function formatOf({ world }: Cluster) {
  const stored = world.metadata.get(formatKey);
  return stored === undefined ? null : decodeRecord(formatRecord, stored.value);
}

function clusterOf(...formats: (Host["formats"] | undefined)[]): Cluster {
  const made = smallCluster();
  formats.forEach((each, n) => {
    const host = made.hosts[n];
    if (host !== undefined && each !== undefined) host.formats = each;
  });
  return made;
}

describe("the format", () => {
  it("stays the first while one host does not read another, or does not say", () => {
    const made = clusterOf(newer, { min: 1, max: 1 });
    made.world.run(4 * sessionTtlMs);
    expect(formatOf(made)).toBe(null);
    const unsaid = clusterOf(newer);
    unsaid.world.run(4 * sessionTtlMs);
    expect(formatOf(unsaid)).toBe(null);
  });

  it("is announced, and raised when a later look shows nobody who does not read it", () => {
    const made = clusterOf(newer, newer);
    const written: unknown[] = [];
    made.world.onPerform = (effect) => {
      if (effect.kind !== "writeMetadata" || effect.key !== formatKey) return;
      if (effect.value !== null) written.push(decodeRecord(formatRecord, effect.value));
    };
    made.world.run(4 * sessionTtlMs);
    expect(written).toEqual([
      { version: 1, format: 1, next: 2 },
      { version: 1, format: 2, next: null },
    ]);
    expect(statusOf(made).figures).toMatchObject({ format: 2 });
  });

  it("is not raised when such a host has come since it was announced", () => {
    const made = clusterOf(newer, newer);
    made.world.onPerform = (effect) => {
      if (effect.kind !== "writeMetadata" || effect.key !== formatKey) return;
      if (made.hosts.length === 2) made.addHost("late");
    };
    made.world.run(4 * sessionTtlMs);
    expect(formatOf(made)).toEqual({ version: 1, format: 1, next: null });
  });

  it("waits for a host that is silent, which may come back as it was", () => {
    const made = clusterOf(newer);
    made.world.run(sessionTtlMs);
    const [, old] = made.hosts;
    if (old) old.isAlive = false;
    made.world.run(3 * sessionTtlMs);
    expect(formatOf(made)).toBe(null);
    // Until its session is cleared away.
    made.world.run(8 * sessionTtlMs);
    expect(formatOf(made)?.format).toBe(2);
  });

  it("is never lowered, whoever comes", () => {
    const made = clusterOf(newer, newer);
    made.world.run(4 * sessionTtlMs);
    made.addHost("old").formats = { min: 1, max: 1 };
    made.world.run(4 * sessionTtlMs);
    expect(formatOf(made)).toEqual({ version: 1, format: 2, next: null });
  });

  it("is left alone when its record cannot be read", () => {
    const made = clusterOf(newer, newer);
    made.world.store(formatKey, encodeRecord({ version: 9 }));
    made.world.run(4 * sessionTtlMs);
    expect(made.world.metadata.get(formatKey)?.value).toEqual(encodeRecord({ version: 9 }));
  });
});
