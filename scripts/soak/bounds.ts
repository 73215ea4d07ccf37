// By how much each figure of a soak may be higher in its last quarter than in its second.
import type { Bound } from "./trends.js";

/** Of a run of half an hour: what a leak of 5 MiB or two descriptors a minute passes surely. */
const bounds: readonly (readonly [beginning: string, bound: Bound])[] = [
  ["mebibytes nats", { more: 64, percent: 50 }],
  ["mebibytes ", { more: 48, percent: 25 }],
  ["descriptors ", { more: 20, percent: 20 }],
  ["streams", { more: 0, percent: 0 }],
  ["consumers", { more: 4, percent: 20 }],
  ["metadata keys", { more: 2, percent: 0 }],
  ["etcd keys", { more: 2, percent: 0 }],
  ["etcd leases", { more: 0, percent: 0 }],
  ["objects", { more: 200, percent: 50 }],
  ["orphans", { more: 40, percent: 50 }],
];

/** In a short run the quarters are a few samples each, and processes are still warming up. */
const shortMinutes = 10;
const loosenedTimes = 3;

export function boundsOf(minutes: number): (figure: string) => Bound | null {
  const times = minutes < shortMinutes ? loosenedTimes : 1;
  return (figure) => {
    const found = bounds.find(([beginning]) => figure.startsWith(beginning))?.[1];
    if (found === undefined) return null;
    return { more: found.more * times, percent: found.percent * times };
  };
}
