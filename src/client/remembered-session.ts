// Remembers up to where a collection was written and read, so that reads never go back in time.
import { encodeToken, mergeTokens, parseToken } from "../contract/session-token.js";

export interface RememberedSession {
  /** Undefined before the first reply. */
  token(): string | undefined;
  learn(session: string): void;
  forget(): void;
}

export function createSession(): RememberedSession {
  let known: string | undefined;
  return {
    token: () => known,
    learn: (session) => {
      known = known === undefined ? session : later(known, session);
    },
    forget: () => {
      known = undefined;
    },
  };
}

/** Replies of calls that ran side by side each know only a part; the newer of two collections. */
export function later(left: string, right: string): string {
  if (left === right) return left;
  const [first, second] = [parseToken(left), parseToken(right)];
  if (!first.ok || !second.ok) return right;
  const merged = mergeTokens(first.token, second.token);
  return merged === null ? right : encodeToken(merged);
}
