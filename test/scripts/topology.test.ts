// The topology in the README is the one that the actors declare, and every message has two ends.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { topology, topologyTable } from "../../scripts/print-topology.js";

describe("topology", () => {
  it("has a sender and a receiver for every message", () => {
    const loose = topology().filter(
      (row) => row.senders.length === 0 || row.receivers.length === 0,
    );
    expect(loose).toEqual([]);
  });

  it("stands in the README as the declarations print it", () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    expect(readme.includes(topologyTable()), "run: npm run topology, and paste its table").toBe(
      true,
    );
  });
});
