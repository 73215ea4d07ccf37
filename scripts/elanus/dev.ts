// `elanus dev`: a whole cluster on this machine, for as long as the command runs.
import { fileURLToPath } from "node:url";
import { type Configuration, hostEnvironment } from "../../src/system/config.js";
import { type DevCluster, startDevCluster } from "../../src/system/dev-cluster.js";
import { createOperatorLog } from "../../src/system/operator-log.js";
import { packageVersion } from "../../src/system/package-version.js";
import { interruption } from "./interruption.js";

const script = fileURLToPath(new URL("../elanus.js", import.meta.url));

export async function runDev(configuration: Configuration): Promise<number> {
  const log = createOperatorLog(configuration, "dev");
  const told = interruption();
  const { dataDir, port, hosts } = configuration;
  const cluster = await startDevCluster({
    ...{ dataDir, port, hosts, script },
    environment: hostEnvironment(configuration, process.env),
    report: (level, text) => log.report(level, "dev", text),
  });
  try {
    const early = await Promise.race([cluster.untilReady().then(() => null), told]);
    if (early !== null) return 0;
    announce(cluster, dataDir);
    await told;
    console.log("stopping: what is in flight is finished first");
    return 0;
  } finally {
    await cluster.stop();
  }
}

function announce({ url, hosts }: DevCluster, dataDir: string): void {
  console.log(`Elanus ${packageVersion()} at ${url}, its data in ${dataDir}`);
  for (const { pid, roles } of hosts) console.log(`  process ${pid}: ${roles.join(", ")}`);
  console.log(`Try:  nats -s ${url} req elanus.v1.sys.health '{}'`);
  console.log("End it with Ctrl-C.");
  console.log(`ready ${JSON.stringify({ url, hosts })}`);
}
