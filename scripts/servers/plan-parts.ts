// What the kinds of servers share: where one lies, its program, and how it is asked by HTTP.

import { findProgram } from "../../src/system/find-program.js";
import { freePort } from "../../src/system/free-port.js";

/** Where a server keeps its data and listens; a free port of the loopback when none is named. */
export interface ServerPlace {
  readonly directory: string;
  readonly port?: number;
}

export async function portOf({ port }: ServerPlace): Promise<number> {
  return port ?? (await freePort());
}

export function programNamed(name: string): string {
  const program = findProgram(name, process.env);
  if (program === undefined) throw new Error(`no ${name}: run 'npm run setup -- --with-servers'`);
  return program;
}

/** The body of the answer, whatever its status; undefined when there is none within a second. */
export async function bodyOf(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    return await response.text();
  } catch {
    return undefined;
  }
}
