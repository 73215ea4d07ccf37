// `elanus status`: hosts, actors and channels of a running cluster, and what is not well with them.
import Table from "cli-table3";
import { type ClusterOverview, readOverview } from "../../src/system/cluster-overview.js";
import { type Configuration, natsSettingsOf } from "../../src/system/config.js";
import { connectNats, type NatsLink } from "../../src/system/nats.js";

/** Exit codes for scripts: well, not all is well, nobody answers. */
const exitCodes = { ok: 0, degraded: 1, unreachable: 2 } as const;
/** The figures that say most, in this order; `--json` has all. */
const shownFigures = ["rows", "behind", "segments", "indexed", "unindexed", "storedRows"];

export async function runStatus(configuration: Configuration, asJson: boolean): Promise<number> {
  let link: NatsLink;
  try {
    link = await connectNats(natsSettingsOf(configuration, "elanus-status", false));
  } catch (error) {
    return unreachable(`no NATS server at ${configuration.natsUrl}: ${(error as Error).message}`);
  }
  try {
    const result = await readOverview(link);
    if (!result.ok) return unreachable(result.detail);
    const { overview } = result;
    if (asJson) console.log(JSON.stringify(overview));
    else print(overview);
    return exitCodes[overview.status];
  } finally {
    await link.close();
  }
}

function unreachable(detail: string): number {
  console.error(`${detail}\nIs it running? 'elanus dev' starts one; --nats-url says where it is.`);
  return exitCodes.unreachable;
}

function print({ status, causes, hosts }: ClusterOverview): void {
  const hostTable = new Table({ head: ["host", "process", "roles", "started", "heard of"] });
  for (const { host, pid, hostname, roles, startedAt, silentMs } of hosts) {
    const heard = `${(silentMs / 1000).toFixed(1)} s ago`;
    hostTable.push([host, `${pid} on ${hostname}`, roles.join(", "), startedAt, heard]);
  }
  const actorTable = new Table({ head: ["actor", "channel", "host", "phase", "figures", "cause"] });
  for (const { host, actors } of hosts) {
    for (const { actor, channel, phase, figures, cause } of actors) {
      const shown = shownFigures.flatMap((name) =>
        figures[name] === undefined ? [] : [`${name} ${figures[name].toLocaleString("en")}`],
      );
      actorTable.push([actor, channel ?? "", host, phase, shown.join(", "), cause ?? ""]);
    }
  }
  console.log(hostTable.toString());
  console.log(actorTable.toString());
  console.log(status === "ok" ? "all is well" : `not well:\n${causes.join("\n")}`);
}
