// An etcd of one member, with the settings that an operator should give it.
import { freePort } from "../../src/system/free-port.js";
import { bodyOf, portOf, programNamed, type ServerPlace } from "./plan-parts.js";
import { type ServerProcess, startServerProcess } from "./server-process.js";

export interface EtcdPlace extends ServerPlace {
  /** At which size of its file etcd refuses writes; 2 GiB when absent, etcd's own default. */
  readonly quotaBytes?: number;
}

const quotaBytesDefault = 2 * 1024 ** 3;

export async function startEtcd(place: EtcdPlace): Promise<ServerProcess> {
  const endpoint = `http://127.0.0.1:${await portOf(place)}`;
  const peers = `http://127.0.0.1:${await freePort()}`;
  const plan = {
    name: "etcd",
    endpoint,
    program: programNamed("etcd"),
    directory: place.directory,
    args: [
      ...["--name", "elanus", "--data-dir", `${place.directory}/data`],
      ...["--listen-client-urls", endpoint, "--advertise-client-urls", endpoint],
      ...["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers],
      ...["--initial-cluster", `elanus=${peers}`],
      // Nobody reads old revisions, and sessions are rewritten every few seconds.
      ...["--auto-compaction-mode", "periodic", "--auto-compaction-retention", "5m"],
      ...["--quota-backend-bytes", `${place.quotaBytes ?? quotaBytesDefault}`],
      ...["--logger", "zap", "--log-level", "warn"],
    ],
    // etcd 3.4 wants to be told that it may run there.
    ...(process.arch === "arm64" ? { environment: { ETCD_UNSUPPORTED_ARCH: "arm64" } } : {}),
    answers: async () => (await bodyOf(`${endpoint}/health`))?.includes('"true"') === true,
  };
  return startServerProcess(plan, {});
}
