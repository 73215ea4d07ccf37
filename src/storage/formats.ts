// Which stored formats this version reads: one number for entries, objects and records.

/** From the oldest that it reads to the newest, which it could write. */
export interface Formats {
  readonly min: number;
  readonly max: number;
}

/** Raise `max` with the first version that reads a new one, `min` with the first that cannot. */
export const ownFormats: Formats = { min: 1, max: 1 };

/** What is stored where nothing was ever raised. */
export const firstFormat = 1;
