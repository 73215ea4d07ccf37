// One nats-server, or a cluster of three on one machine, with the settings of the embedded profile.
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../src/system/free-port.js";
import {
  type NatsClusterPlace,
  natsConfiguration,
  natsConfigurationFileOf,
  natsGreetingOn,
} from "../../src/system/nats-configuration.js";
import { bodyOf, portOf, programNamed, type ServerPlace } from "./plan-parts.js";
import { type ServerProcess, startServerProcess } from "./server-process.js";

export interface NatsPlan extends ServerPlace {
  /** `port` is that of the first; the others get free ones. */
  readonly servers: 1 | 3;
}

export interface NatsServers {
  /** What a client is given: every server, separated by commas. */
  readonly url: string;
  readonly servers: readonly ServerProcess[];
  stop(): Promise<void>;
}

/** Resolves when all of them have JetStream, in a cluster with a leader. */
export async function startNats(plan: NatsPlan): Promise<NatsServers> {
  const servers = plan.servers === 1 ? [await startAlone(plan)] : await startClustered(plan);
  return {
    url: servers.map(({ endpoint }) => endpoint).join(","),
    servers,
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
  };
}

async function startAlone(place: ServerPlace): Promise<ServerProcess> {
  return startServer("nats", place.directory, await portOf(place));
}

async function startClustered(plan: NatsPlan): Promise<readonly ServerProcess[]> {
  const routePorts = [await freePort(), await freePort(), await freePort()];
  const starts = routePorts.map(async (routePort, index) => {
    const name = `nats-${index + 1}`;
    const port = index === 0 ? await portOf(plan) : await freePort();
    const cluster = { routePort, routePorts, healthPort: await freePort() };
    return startServer(name, join(plan.directory, name), port, cluster);
  });
  const started = await Promise.allSettled(starts);
  const servers = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  if (servers.length === starts.length) return servers;
  await Promise.all(servers.map((server) => server.stop()));
  throw started.find((one) => one.status === "rejected")?.reason;
}

async function startServer(
  name: string,
  directory: string,
  port: number,
  cluster?: NatsClusterPlace,
): Promise<ServerProcess> {
  mkdirSync(directory, { recursive: true });
  // Another server of the same name must not answer for it.
  const greeting = `${name}-${randomBytes(6).toString("hex")}`;
  const place = { directory, port, name: greeting, ...(cluster === undefined ? {} : { cluster }) };
  writeFileSync(natsConfigurationFileOf(directory), natsConfiguration(place));
  const plan = {
    name,
    endpoint: `nats://127.0.0.1:${port}`,
    program: programNamed("nats-server"),
    directory,
    args: ["-c", natsConfigurationFileOf(directory)],
    answers: async () =>
      (await natsGreetingOn(port)) === greeting &&
      (cluster === undefined || (await hasJoined(cluster.healthPort))),
  };
  return startServerProcess(plan, {});
}

async function hasJoined(healthPort: number): Promise<boolean> {
  return (await bodyOf(`http://127.0.0.1:${healthPort}/healthz`))?.includes('"ok"') === true;
}
