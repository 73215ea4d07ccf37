// What processes use of the processor and of memory, as the system counts it (Linux).
import { readFileSync } from "node:fs";

/** The kernel's unit of processor time, whatever its own clock does. */
const ticksPerSecond = 100;

/** Null where there is no /proc. */
export function processorSeconds(pids: readonly number[]): number | null {
  const each = pids.map((pid) => {
    // The name, in parentheses, may hold spaces.
    const fields = readProc(pid, "stat")?.split(") ").at(-1)?.split(" ");
    if (fields === undefined) return null;
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  });
  return sumOf(each);
}

export function residentBytes(pid: number): number | null {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(pid, "status") ?? "")?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}

function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return null;
  }
}

function sumOf(values: readonly (number | null)[]): number | null {
  return values.includes(null)
    ? null
    : values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
