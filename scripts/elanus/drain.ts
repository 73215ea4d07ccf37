// `elanus drain`: moves all that a host runs to other hosts, and says when it may be stopped.
import { setTimeout as delay } from "node:timers/promises";
import { type ClusterOverview, readOverview } from "../../src/system/cluster-overview.js";
import { type Configuration, natsSettingsOf } from "../../src/system/config.js";
import { connectNats, type NatsLink } from "../../src/system/nats.js";

export interface DrainOptions {
  readonly undo: boolean;
  readonly stop: boolean;
}

const askEveryMs = 250;
const requestTimeoutMs = 10_000;

export async function runDrain(
  configuration: Configuration,
  host: string,
  options: DrainOptions,
): Promise<number> {
  let link: NatsLink;
  try {
    link = await connectNats(natsSettingsOf(configuration, "elanus-drain", false));
  } catch (error) {
    console.error(`no NATS server at ${configuration.natsUrl}: ${(error as Error).message}`);
    return 2;
  }
  try {
    const problem = await ask(link, host, options);
    if (problem !== null) {
      console.error(problem);
      return 1;
    }
    if (options.undo) return undone(host);
    return await follow(link, host, options.stop);
  } finally {
    await link.close();
  }
}

async function ask(link: NatsLink, host: string, options: DrainOptions): Promise<string | null> {
  const body = Buffer.from(JSON.stringify({ host, ...options, timeoutMs: requestTimeoutMs }));
  const settings = { timeoutMs: requestTimeoutMs + 1_000 };
  const result = await link.request("elanus.v1.sys.drain", body, settings);
  if (result.kind === "no-responders") return "no proxy answers";
  if (result.kind !== "ok") return `${result.kind} (${result.detail})`;
  const error = result.message.header("Nats-Service-Error");
  return error === undefined ? null : `${host}: ${error}`;
}

function undone(host: string): number {
  console.log(`${host} works again`);
  return 0;
}

/** Until nothing is left. An interrupt leaves it as it is: the drain goes on without us. */
async function follow(link: NatsLink, host: string, stops: boolean): Promise<number> {
  let shown = "";
  // Not by its process id: in a container each run may have the same.
  let run: string | null = null;
  for (;;) {
    const result = await readOverview(link);
    const now = result.ok ? result.overview.hosts.find((each) => each.host === host) : undefined;
    run ??= now?.startedAt ?? null;
    // Whoever watches over it may have started it again already.
    const isGone = result.ok && now?.startedAt !== run;
    if (isGone || (now?.drain?.phase === "drained" && !stops)) {
      console.log(isGone ? `${host} has ended` : `nothing is left on ${host}: it may be stopped`);
      return 0;
    }
    const text = now === undefined ? (result.ok ? "" : result.detail) : progressOf(now);
    if (text !== shown) console.log(text);
    shown = text;
    await delay(askEveryMs);
  }
}

function progressOf({ host: name, drain }: ClusterOverview["hosts"][number]): string {
  const left = drain?.left ?? [];
  if (left.length === 0) return `${name}: ${drain?.phase ?? "is told"}`;
  const rest = left.length > 5 ? ` and ${left.length - 5} more` : "";
  return `${name}: ${left.length} left: ${left.slice(0, 5).join(", ")}${rest}`;
}
