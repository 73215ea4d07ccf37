// Keeps a host out of a cluster whose stored formats it does not read, from its start on.
import { formatKey, formatRecord, parseRecord } from "../messages/records.js";
import { UnavailableError } from "../storage/errors.js";
import { type Formats, firstFormat } from "../storage/formats.js";
import type { MetadataStore } from "../storage/metadata-store.js";

/** What is stored, or is about to be, is in a format that this version does not read. */
export class FormatNotRead extends Error {
  override readonly name = "FormatNotRead";
}

export interface FormatWatchSettings {
  readonly metadata: MetadataStore;
  readonly formats: Formats;
  readonly everyMs: number;
  /** The cluster has moved on while this host was not heard of; told once. */
  outgrown(error: FormatNotRead): void;
}

export class FormatWatch {
  readonly #settings: FormatWatchSettings;
  #timer: NodeJS.Timeout | null = null;

  constructor(settings: FormatWatchSettings) {
    this.#settings = settings;
  }

  /** Call when the session is written, for then no later raise leaves this host out. */
  async start(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#lookAgain(), this.#settings.everyMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  async #lookAgain(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      if (!(error instanceof FormatNotRead)) throw error;
      this.stop();
      this.#settings.outgrown(error);
    }
  }

  async #look(): Promise<void> {
    const { metadata, formats } = this.#settings;
    const stored = await read(metadata);
    if (stored === undefined) return;
    const { format, next } = stored;
    const newest = Math.max(format, next ?? format);
    if (newest > formats.max) {
      const advice = "start a newer version of Elanus, as its other hosts are";
      throw new FormatNotRead(
        `the cluster stores format ${newest}: ${readsOf(formats)}; ${advice}`,
      );
    }
    if (format < formats.min) {
      const advice = "start all hosts with the version before this one first";
      throw new FormatNotRead(
        `the cluster stores format ${format}: ${readsOf(formats)}; ${advice}`,
      );
    }
  }
}

function readsOf({ min, max }: Formats): string {
  return min === max ? `this version reads ${max}` : `this version reads ${min} to ${max}`;
}

/** Undefined while nobody can tell; what is written meanwhile is in the oldest that we write. */
async function read(metadata: MetadataStore) {
  try {
    const stored = await metadata.get(formatKey);
    if (stored === undefined) return { format: firstFormat, next: null };
    const parsed = parseRecord(formatRecord, stored.value);
    if (parsed.ok) return parsed.record;
    throw new FormatNotRead(`the record '${formatKey}' cannot be read: ${parsed.reason}`);
  } catch (error) {
    if (error instanceof UnavailableError) return undefined;
    throw error;
  }
}
