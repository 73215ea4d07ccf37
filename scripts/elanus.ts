#!/usr/bin/env node
// The command line of Elanus: a cluster on this machine, one actor host, its status, its doctor.
import { Command } from "commander";
import { type Configuration, ConfigurationError, loadConfiguration } from "../src/system/config.js";
import { DataDirInUse } from "../src/system/data-dir-lock.js";
import { NatsDoesNotStart } from "../src/system/nats-process.js";
import { packageVersion } from "../src/system/package-version.js";
import { runDev } from "./elanus/dev.js";
import { runDoctor } from "./elanus/doctor.js";
import { runDrain } from "./elanus/drain.js";
import { runHost } from "./elanus/host.js";
import { runStatus } from "./elanus/status.js";

/** Whoever runs the command can mend these: they need no stack. */
const operatorErrors = [ConfigurationError, DataDirInUse, NatsDoesNotStart];

type Run = (configuration: Configuration, asJson: boolean) => Promise<number>;

const program = new Command("elanus")
  .description("a distributed vector database on NATS JetStream")
  .version(packageVersion());

withCommon(program.command("dev"), runDev)
  .description("run a whole cluster on this machine: a nats-server and actor hosts")
  .option("--port <port>", "of the nats-server; 0: a free one (default 4222)")
  .option("--hosts <roles>", "the roles of each host, for instance 'proxy,coordinator;query,data'");

withParts(withCommon(program.command("host"), (configuration) => runHost(configuration)))
  .description("run one actor host")
  .option("--roles <roles>", "proxy, coordinator, oracle, query, data, index (default all)")
  .option("--name <name>", "unique in the cluster (default: made up)")
  .option("--cache-url <url>", "redis://host:port for search results; needs ELANUS_CACHE_SECRET")
  .option("--replicas <number>", "of the streams, on a cluster of NATS servers");

withNats(withCommon(program.command("status"), runStatus))
  .description("show hosts, actors and channels, and the cause of what is not well")
  .option("--json", "one line of JSON");

const drain = program.command("drain <host>");
withNats(
  withCommon(drain, (configuration) => {
    const { undo = false, stop = false } = drain.opts<{ undo?: boolean; stop?: boolean }>();
    return runDrain(configuration, drain.args[0] ?? "", { undo, stop });
  }),
)
  .description("move all that a host runs to other hosts, and wait until nothing is left on it")
  .option("--stop", "its process ends then; started again, it works again")
  .option("--undo", "let it work again");

withParts(withCommon(program.command("doctor"), runDoctor))
  .description("check what Elanus stands on, and say how to mend it")
  .option("--json", "one line of JSON");

await program.parseAsync();

function withCommon(command: Command, run: Run): Command {
  return command
    .option("--data-dir <path>", "where everything lies that must survive (default .elanus)")
    .option("--config <file>", "settings as a JSON object")
    .option("--log-level <level>", "trace, debug, info, warn, error, fatal or silent")
    .action(async () => {
      process.exitCode = await runWith(run, command.opts());
      // A thread or socket that hangs must not keep a command that is done.
      setTimeout(() => process.exit(), 500).unref();
    });
}

function withNats(command: Command): Command {
  return command
    .option("--nats-url <url>", "of the NATS server (default NATS_URL or nats://127.0.0.1:4222)")
    .option("--nats-credentials <file>", "a credentials file (default NATS_CREDS)");
}

/** The parts that a cluster of several machines shares. */
function withParts(command: Command): Command {
  return withNats(command)
    .option("--metadata-url <urls>", "endpoints of etcd (default: a bucket of the NATS server)")
    .option("--etcd-user <name>", "its password: ELANUS_ETCD_PASSWORD")
    .option("--etcd-ca <file>", "who signed the certificate of etcd, in PEM")
    .option("--cluster-name <name>", "keeps clusters apart that share an etcd (default 'default')")
    .option("--objects-url <url>", "s3://bucket/prefix (default: a folder in the data directory)")
    .option("--s3-endpoint <url>", "of a store that speaks S3 but is not AWS's own")
    .option("--s3-region <region>", "of the bucket (default AWS_REGION or us-east-1)");
}

async function runWith(run: Run, options: Record<string, unknown>): Promise<number> {
  const { config, json, ...flags } = options;
  const file = typeof config === "string" ? config : undefined;
  try {
    const configuration = loadConfiguration({ flags, environment: process.env, file });
    return await run(configuration, json === true);
  } catch (error) {
    if (!operatorErrors.some((kind) => error instanceof kind)) throw error;
    console.error((error as Error).message);
    return 1;
  }
}
