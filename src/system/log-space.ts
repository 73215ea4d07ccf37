// How full a channel's log is, so that clients stop before ticks and seals no longer fit.
import { readStreamInfo } from "./jetstream.js";
import type { NatsLink } from "./nats.js";
import { logStreamOf } from "./streams.js";

/** Appends for clients stop here; the rest is for what the workers write. */
const clientShareMax = 0.9;
/** One look a second is less than a thousandth of what one append costs at full speed. */
const staleMs = 1_000;

export interface LogSpace {
  /** Whether a client's entry of this size may go into the log; counts it if so. */
  admits(channel: string, bytes: number): boolean | Promise<boolean>;
}

interface Space {
  bytes: number;
  bytesMax: number;
  readAtMs: number;
  reading: Promise<void> | null;
}

export function createLogSpace(link: NatsLink): LogSpace {
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
    admits(channel, bytes) {
      const space = spaceOf(channel);
      const isStale = performance.now() - space.readAtMs > staleMs;
      const isFirst = space.readAtMs === Number.NEGATIVE_INFINITY;
      if (isStale && (isFirst || !take(space, 0, bytes))) {
        return refresh(channel, space).then(() => take(space, bytes, bytes));
      }
      if (isStale) void refresh(channel, space);
      return take(space, bytes, bytes);
    },
  };
}

function take(space: Space, counted: number, bytes: number): boolean {
  if (space.bytes + bytes > clientShareMax * space.bytesMax) return false;
  space.bytes += counted;
  return true;
}
