// A real nats-server on a free port with a store of its own, for one test file; killed by its pid.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Bus } from "../../src/system/bus.js";
import { connectNats, type NatsLink } from "../../src/system/nats.js";
import { startNatsProcess } from "../../src/system/nats-process.js";
import { findNatsServer } from "../../src/system/nats-program.js";
import { streamSettingsDefault } from "../../src/system/streams.js";

export interface NatsHarness {
  readonly url: string;
  readonly directory: string;
  connect(name: string): Promise<NatsLink>;
  /** SIGKILL; the supervision starts it again at once. Resolves when it answers again. */
  killServer(): Promise<void>;
  signalServer(signal: "SIGSTOP" | "SIGCONT"): void;
  stopServer(): Promise<void>;
  /** On the same port. */
  startServer(): Promise<void>;
  close(): Promise<void>;
}

export async function startHarness(): Promise<NatsHarness> {
  const program = findNatsServer(process.env);
  if (program === undefined) throw new Error("there is no nats-server: npm run setup");
  const directory = mkdtempSync(join(tmpdir(), "elanus-test-"));
  const report = () => undefined;
  let server = await startNatsProcess({ directory, port: 0, program, report });
  const { port, url } = server;
  const links: NatsLink[] = [];
  // A run that is interrupted must not leave a server behind.
  const killAtExit = () => void (server.pid !== undefined && process.kill(server.pid, "SIGKILL"));
  process.once("exit", killAtExit);
  return {
    url,
    directory,
    async connect(name) {
      const link = await connectNats({ servers: url, name, waitForServer: false });
      links.push(link);
      return link;
    },
    async killServer() {
      const { pid } = server;
      if (pid === undefined) throw new Error("the server is down already");
      process.kill(pid, "SIGKILL");
      await waitUntil("the server is back", () => server.pid !== undefined && server.pid !== pid);
    },
    signalServer: (signal) => void process.kill(server.pid ?? 0, signal),
    stopServer: () => server.stop(),
    async startServer() {
      server = await startNatsProcess({ directory, port, program, report });
    },
    async close() {
      for (const link of links) await link.close();
      await server.stop();
      process.off("exit", killAtExit);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Waits for a condition and names what did not happen. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const until = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > until) throw new Error(`after ${timeoutMs} ms, not yet: ${what}`);
    await delay(10);
  }
}

export function openTestBus(link: NatsLink, hasRoom = () => true): Promise<Bus> {
  return Bus.open(link, { streams: streamSettingsDefault, hasRoom, report: () => undefined });
}
