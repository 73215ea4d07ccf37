// The known word that an unknown one was most likely meant to be.

/** How many letters may differ before a suggestion would only puzzle. */
const distanceMax = 4;
const lengthMax = 64;

/** The word with the fewest edits, if they are few for its length; nothing otherwise. */
function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > lengthMax) return undefined;
  let best: string | undefined;
  let bestDistance = Math.min(distanceMax, Math.ceil(word.length / 2)) + 1;
  for (const candidate of known) {
    // Each letter more is an edit more: what is that much longer need not be compared.
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** As a sentence for a hint: the nearest word, else all of them. */
export function suggestion(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? `known are: ${known.join(", ")}` : `did you mean '${near}'?`;
}

/** Levenshtein's distance, one row of the table at a time. */
function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1];
      const replaced = (previous[column - 1] ?? 0) + (same ? 0 : 1);
      const inserted = Math.min(previous[column] ?? 0, current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, inserted));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
