// How full a channel's log is, so that clients stop before ticks and seals no longer fit.
import { readStreamInfo } from "./jetstream.js";
import type { NatsLink } from "./nats.js";
import { logStreamOf } from "./streams.js";

/** Appends for clients stop here; the rest is for what the workers write. */
const clientShareMax = 0.9;
/** One look a second is less than a thousandth of what one append costs at full speed. */
const staleMs = 1_000;

export interface LogSpace {
  /** Null when a client's entry of this size may go into the log, and is counted; else why not. */
  refusal(channel: string, bytes: number): Refusal | Promise<Refusal>;
}

type Refusal = string | null;

interface Space {
  bytes: number;
  bytesMax: number;
  readAtMs: number;
  reading: Promise<void> | null;
}

/** `hasRoom`: whether the disk has; without it nothing more is taken, whatever the limits say. */
export function createLogSpace(link: NatsLink, hasRoom: () => boolean = () => true): LogSpace {
  const spaces = new Map<string, Space>();

  function spaceOf(channel: string): Space {
    const known = spaces.get(channel);
    if (known !== undefined) return known;
    const space: Space = {
      bytes: 0,
      bytesMax: Number.POSITIVE_INFINITY,
      readAtMs: Number.NEGATIVE_INFINITY,
      reading: null,
    };
    spaces.set(channel, space);
    return space;
  }

  /** One call at a time; without an answer the broker itself is left to refuse. */
  function refresh(channel: string, space: Space): Promise<void> {
    space.reading ??= read(channel, space).finally(() => {
      space.reading = null;
    });
    return space.reading;
  }

  async function read(channel: string, space: Space): Promise<void> {
    const info = await readStreamInfo(link, logStreamOf(channel));
    space.readAtMs = performance.now();
    if (info.ok) {
      space.bytes = info.value.state.bytes;
      space.bytesMax = info.value.config.max_bytes;
    } else {
      spaces.delete(channel);
    }
  }

  return {
    refusal(channel, bytes) {
      if (!hasRoom()) return "the disk is almost full";
      const space = spaceOf(channel);
      const isStale = performance.now() - space.readAtMs > staleMs;
      const isFirst = space.readAtMs === Number.NEGATIVE_INFINITY;
      if (isStale && (isFirst || !fits(space, bytes))) {
        return refresh(channel, space).then(() => take(space, bytes));
      }
      if (isStale) void refresh(channel, space);
      return take(space, bytes);
    },
  };
}

function fits(space: Space, bytes: number): boolean {
  return space.bytes + bytes <= clientShareMax * space.bytesMax;
}

function take(space: Space, bytes: number): Refusal {
  if (!fits(space, bytes)) return `the log is at ${clientShareMax * 100}% of its size limit`;
  space.bytes += bytes;
  return null;
}
