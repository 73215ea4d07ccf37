// The memory of a process while something goes on: how far it grew above what it was at first.
import { execFileSync } from "node:child_process";
import type { ControlledProcess } from "../cluster/controlled-process.js";
import type { Finding } from "./scenario.js";

export interface MemoryWatch {
  /** Counts from here on. */
  restart(): void;
  /** Bytes from the first look to the largest since. */
  stop(): number;
}

const lookEveryMs = 250;
const mebibyte = 1024 * 1024;

export function watchMemory(watched: ControlledProcess): MemoryWatch {
  let first = residentBytes(watched);
  let most = first;
  const timer = setInterval(() => {
    most = Math.max(most, residentBytes(watched));
  }, lookEveryMs);
  return {
    restart() {
      first = residentBytes(watched);
      most = first;
    },
    stop() {
      clearInterval(timer);
      return most - first;
    },
  };
}

/** `ps` counts in units of 1,024 bytes, on Linux and macOS alike. */
function residentBytes({ name, pid }: ControlledProcess): number {
  if (pid === undefined) throw new Error(`'${name}' does not run`);
  return (
    Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1_024
  );
}

/** Less than what was written meanwhile: it cannot all have stayed in memory. */
export function memoryBounded(grownBytes: number, writtenBytes: number): Finding {
  const allowedBytes = writtenBytes / 2;
  const text = (bytes: number) => `${(bytes / mebibyte).toFixed(0)} MiB`;
  return {
    what: "memory of the data host, its budget spent, grew by",
    value: text(grownBytes),
    allowed: `<= ${text(allowedBytes)}, half of what was written`,
    met: grownBytes <= allowedBytes,
  };
}
