// Memory for entries on their way to a thread, which comes back with the thread's answer.

/** A thread that is given new memory with every entry has to collect it as often. */
export interface SpentBuffers {
  /** At least so large; its content is of no meaning. */
  take(bytes: number): ArrayBuffer;
  /** Of one that was taken, when nobody looks into it any more. */
  give(buffer: ArrayBuffer): void;
}

/** What may lie about unused, whatever was on its way at once. */
const keptBytesMax = 8 * 1024 * 1024;
/** Entries differ a little in size, and are to fit into the memory of one another. */
const grainBytes = 64 * 1024;

export function createSpentBuffers(): SpentBuffers {
  const kept: ArrayBuffer[] = [];
  let keptBytes = 0;
  return {
    take(bytes) {
      // None much too large either: it would stand for others' room.
      const fits = ({ byteLength }: ArrayBuffer) =>
        byteLength >= bytes && byteLength <= 2 * bytes + grainBytes;
      const place = kept.findLastIndex(fits);
      const [found] = place < 0 ? [] : kept.splice(place, 1);
      if (found === undefined) return new ArrayBuffer(Math.ceil(bytes / grainBytes) * grainBytes);
      keptBytes -= found.byteLength;
      return found;
    },
    give(buffer) {
      kept.push(buffer);
      keptBytes += buffer.byteLength;
      while (keptBytes > keptBytesMax) keptBytes -= kept.shift()?.byteLength ?? 0;
    },
  };
}
