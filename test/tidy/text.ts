// What no text of the project may hold: unfinished business, paths of one machine, registry hosts.
import type { Finding } from "./source.js";
import type { TextFile } from "./tree.js";

interface Ban {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Where it is the matter itself, or a fact of the file's format. */
  readonly except?: RegExp;
}

// In brackets, so that this file does not find itself.
const bans: readonly Ban[] = [
  {
    pattern: /\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b/,
    instead: "finish it, or write it down where work is planned",
  },
  {
    pattern: /(?<![\w.)}])\/(w[o]rk|r[o]ot|h[o]me|Users|t[m]p|private\/var)\/[\w.]/,
    instead: "a path of one machine: use a relative one, `os.tmpdir()` or a setting",
  },
  {
    pattern: /\bregistry\.[a-z0-9-]+\.[a-z]|\bdeb\.[a-z]+\.org|npm\.pkg\./,
    instead: "name the package, not the host that it came from",
  },
  {
    pattern: /"resolved":\s*"/,
    instead: "write the lock file with `npm install --omit-lockfile-registry-resolved`",
  },
  { pattern: /\b[Ii]ssue #?\d/, instead: "say what the matter is; numbers of trackers get lost" },
];

export function bannedText({ path, text }: TextFile): readonly Finding[] {
  return text.split("\n").flatMap((line, index) =>
    bans
      .filter((ban) => ban.pattern.test(line) && ban.except?.test(path) !== true)
      .map((ban) => ({
        path,
        line: index + 1,
        message: `'${ban.pattern.exec(line)?.[0]}': ${ban.instead}`,
      })),
  );
}
