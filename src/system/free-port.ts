// A free port of the loopback for a server that is to keep it over its restarts.
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below those of outgoing connections, which could take it between restarts. */
const range = { min: 20_000, max: 32_000 };
const attempts = 100;

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(range.min, range.max);
    if (await isFreePort(port)) return port;
  }
  throw new Error(`no free port found between ${range.min} and ${range.max}`);
}

export function isFreePort(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}
