// What Elanus asks of a nats-server: the settings file of one server, alone or of a cluster.
import { connect as openSocket } from "node:net";
import { join } from "node:path";

/** Where one server runs: `name` is how it greets, so that no other is taken for it. */
export interface NatsPlace {
  readonly directory: string;
  readonly port: number;
  readonly name: string;
  readonly cluster?: NatsClusterPlace;
}

export interface NatsClusterPlace {
  readonly routePort: number;
  /** Of all its members, this one included. */
  readonly routePorts: readonly number[];
  /** Where `/healthz` says whether the server has joined: its greeting comes long before. */
  readonly healthPort: number;
}

export const natsConfigurationFileOf = (directory: string) => join(directory, "nats-server.conf");

/** The paths are JSON strings, which the server's format reads alike. */
export function natsConfiguration({ directory, port, name, cluster }: NatsPlace): string {
  return [
    "# Written by Elanus at every start: changes are lost.",
    `server_name: "${name}"`,
    `host: "127.0.0.1"`,
    `port: ${port}`,
    "max_payload: 8MB",
    // Several readers of the log share one connection: room for what they have asked for.
    "max_pending: 256MB",
    // A client that is silent for longer is cut off: see the window of duplicates of the log.
    `ping_interval: "20s"`,
    "ping_max: 2",
    `log_file: ${JSON.stringify(join(directory, "nats-server.log"))}`,
    "logfile_size_limit: 10MB",
    "jetstream {",
    `  store_dir: ${JSON.stringify(join(directory, "store"))}`,
    "  max_memory_store: 1GB",
    // Every log reserves its limit, which is more than it will use: the disk is what is finite.
    "  max_file_store: 1000TB",
    "}",
    ...(cluster === undefined ? [] : clusterSettings(cluster)),
    "",
  ].join("\n");
}

function clusterSettings({ routePort, routePorts, healthPort }: NatsClusterPlace): string[] {
  const routes = routePorts.map((port) => JSON.stringify(`nats-route://127.0.0.1:${port}`));
  return [
    `http: "127.0.0.1:${healthPort}"`,
    "cluster {",
    `  name: "elanus"`,
    `  listen: "127.0.0.1:${routePort}"`,
    `  routes: [${routes.join(", ")}]`,
    "}",
  ];
}

/** The name of the NATS server that says hello on this port. */
export function natsGreetingOn(port: number): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = openSocket(port, "127.0.0.1");
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once("data", (data) => {
      done(/^INFO .*"server_name":"([^"]*)"/.exec(data.toString("utf8"))?.[1]);
      socket.destroy();
    });
    socket.once("error", () => done(undefined));
    socket.once("close", () => done(undefined));
  });
}
