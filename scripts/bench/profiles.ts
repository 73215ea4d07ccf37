// Ranks the functions that took the processor's time, from the profiles of all processes.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ProfileWindow } from "./run.js";

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { functionName: string; url: string; lineNumber: number };
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const shownFunctions = 25;
/** A thread that did less than this in a window is not shown. */
const shareMin = 0.02;
const idle = new Set(["(idle)", "(program)", "(root)"]);

export function printProfiles(directory: string, windows: readonly ProfileWindow[]): void {
  const files = readdirSync(directory).filter((name) => name.endsWith(".cpuprofile"));
  const profiles = files.map((name) => ({
    name,
    profile: JSON.parse(readFileSync(join(directory, name), "utf8")) as Profile,
  }));
  for (const { name, windowUs, hosts } of windows) {
    console.log(`\n== ${name}`);
    for (const { name: file, profile } of profiles) {
      printThread(threadOf(file, hosts), profile, windowUs);
    }
  }
  console.log(`\nthe profiles themselves are in ${directory}`);
}

/** `CPU.<date>.<time>.<process>.<thread>.<number>.cpuprofile`; thread 0 is the main one. */
function threadOf(file: string, hosts: ProfileWindow["hosts"]): string {
  const [, , , pid = "", thread = ""] = file.split(".");
  const roles = hosts.find((host) => String(host.pid) === pid)?.roles;
  return `${roles?.join(", ") ?? "client"}, thread ${thread} (${file})`;
}

/** Shares of the window, so that what several threads do can be compared. */
function printThread(
  thread: string,
  profile: Profile,
  [from, to]: readonly [number, number],
): void {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, titleOf(callFrame)]));
  const times = new Map<string, number>();
  let atUs = profile.startTime;
  for (const [place, sample] of profile.samples.entries()) {
    const delta = profile.timeDeltas[place] ?? 0;
    atUs += delta;
    if (atUs < from || atUs > to) continue;
    const name = names.get(sample) ?? "(unknown)";
    times.set(name, (times.get(name) ?? 0) + delta);
  }
  const lengthUs = to - from;
  const ranked = [...times].filter(([name]) => !idle.has(name)).sort((a, b) => b[1] - a[1]);
  const busy = ranked.reduce((sum, [, time]) => sum + time, 0) / lengthUs;
  if (busy < shareMin) return;
  const program = (times.get("(program)") ?? 0) / lengthUs;
  console.log(`\n${thread}: ${percent(busy)} in functions, ${percent(program)} outside of them`);
  for (const [name, time] of ranked.slice(0, shownFunctions)) {
    console.log(`${percent(time / lengthUs).padStart(7)}  ${name}`);
  }
}

function titleOf({ functionName, url, lineNumber }: Profile["nodes"][number]["callFrame"]): string {
  const place = url.split("/node_modules/").at(-1)?.split("/dist/").at(-1) ?? "";
  return place === ""
    ? functionName
    : `${functionName || "(anonymous)"} ${place}:${lineNumber + 1}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
