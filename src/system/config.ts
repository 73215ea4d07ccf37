// Settings from flags, the environment, a file and defaults, checked, in this order.
import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { roles } from "../messages/records.js";
import type { EtcdSettings } from "../storage/metadata-store-etcd.js";
import type { NatsSettings } from "./nats.js";
import {
  type ObjectStoreLocation,
  objectsUrlPattern,
  s3LocationOf,
} from "./object-store-location.js";
import type { SharedCacheSettings } from "./shared-cache.js";
import { streamSettingsDefault } from "./streams.js";

const positive = z.coerce.number().int().min(1);
/** A list, or a text with its items between separators. */
const listOf = <Item extends z.ZodType>(separator: string, item: Item) =>
  z.preprocess(
    (given) =>
      typeof given === "string" ? given.split(separator).map((text) => text.trim()) : given,
    z.array(item).min(1),
  );
const areOfOneProtocol = (urls: readonly string[]) =>
  new Set(urls.map((url) => new URL(url).protocol)).size === 1;
const rolesSchema = listOf(",", z.enum(roles));

const configurationSchema = z.strictObject({
  natsUrl: z.string().min(1).default("nats://127.0.0.1:4222"),
  natsCredentials: z.string().optional(),
  natsUser: z.string().optional(),
  natsPassword: z.string().optional(),
  natsToken: z.string().optional(),
  natsCa: z.string().optional(),
  natsCertificate: z.string().optional(),
  natsKey: z.string().optional(),
  /** Everything that must survive lies here. */
  dataDir: z.string().min(1).default(".elanus"),
  /** Unique in the cluster; made up when left out. */
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, "letters, digits, '-' and '_', at most 64")
    .optional(),
  roles: rolesSchema.default([...roles]),
  /** Of the embedded nats-server; 0: a free one. */
  port: z.coerce.number().int().min(0).max(65_535).default(4_222),
  /** Roles of the hosts of `dev`, host by host: `a,b;c,d`. */
  hosts: listOf(";", rolesSchema).default([
    ["proxy", "coordinator", "oracle"],
    ["query", "data", "index"],
    ["query", "data", "index"],
  ]),
  replicas: z.coerce.number().int().min(1).max(5).default(streamSettingsDefault.replicas),
  logBytesMax: positive.min(1024 * 1024).default(streamSettingsDefault.logBytesMax),
  duplicateWindowMs: positive.min(1_000).default(streamSettingsDefault.duplicateWindowMs),
  diskReserveBytes: z.coerce
    .number()
    .int()
    .min(0)
    .default(512 * 1024 ** 2),
  /** What a channel's rows may take in memory while they wait for the object store. */
  unflushedBytesMax: positive.min(1024 * 1024).default(256 * 1024 ** 2),
  /** What a channel's rows and indexes may be before inserts get 'full'. */
  channelBytesMax: positive.min(1024 * 1024).default(Math.floor(totalmem() / 4)),
  sessionTtlMs: positive.min(1_000).default(10_000),
  readsMax: positive.max(1_024).default(16),
  searchThreads: positive.max(256).default(Math.max(1, Math.min(8, availableParallelism() - 1))),
  buildThreads: positive.max(64).default(1),
  /** Endpoints of etcd; absent: a bucket of the NATS server, which then must not be a cluster. */
  metadataUrl: listOf(",", z.url({ protocol: /^https?$/, error: "not like http://host:port" }))
    .refine(areOfOneProtocol, "either all http or all https")
    .optional(),
  etcdUser: z.string().optional(),
  etcdPassword: z.string().optional(),
  /** A file in PEM. */
  etcdCa: z.string().optional(),
  /** Its keys in etcd and in Redis begin with it, behind `elanus`. */
  clusterName: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, "letters, digits, '-' and '_', at most 64")
    .default("default"),
  /** Where the objects lie; absent: a folder in the data directory. */
  objectsUrl: z.string().regex(objectsUrlPattern, "not like s3://bucket/prefix").optional(),
  /** Of a store that is not AWS's own. */
  s3Endpoint: z.url({ protocol: /^https?$/, error: "not like http://host:port" }).optional(),
  s3Region: z.string().min(1).default("us-east-1"),
  /** A Redis for search results that hosts share; absent: no cache. */
  cacheUrl: z.url({ protocol: /^rediss?$/, error: "not like redis://host:port" }).optional(),
  /** The same on every host; never on a command line, which others can read. */
  cacheSecret: z.string().min(16, "at least 16 characters").optional(),
  /** Of each database and second, over all proxies; absent: no limit. */
  quotaRequests: positive.optional(),
  quotaBytes: positive.optional(),
  logLevel: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
});
export type Configuration = z.infer<typeof configurationSchema>;
type Name = keyof Configuration;

/** What each setting is called in the environment. */
export const environmentNames: Readonly<Record<Name, string>> = {
  natsUrl: "NATS_URL",
  natsCredentials: "NATS_CREDS",
  natsUser: "NATS_USER",
  natsPassword: "NATS_PASSWORD",
  natsToken: "NATS_TOKEN",
  natsCa: "NATS_CA",
  natsCertificate: "NATS_CERT",
  natsKey: "NATS_KEY",
  dataDir: "ELANUS_DATA_DIR",
  name: "ELANUS_NAME",
  roles: "ELANUS_ROLES",
  port: "ELANUS_PORT",
  hosts: "ELANUS_HOSTS",
  replicas: "ELANUS_REPLICAS",
  logBytesMax: "ELANUS_LOG_BYTES_MAX",
  duplicateWindowMs: "ELANUS_DUPLICATE_WINDOW_MS",
  diskReserveBytes: "ELANUS_DISK_RESERVE_BYTES",
  unflushedBytesMax: "ELANUS_UNFLUSHED_BYTES_MAX",
  channelBytesMax: "ELANUS_CHANNEL_BYTES_MAX",
  sessionTtlMs: "ELANUS_SESSION_TTL_MS",
  readsMax: "ELANUS_READS_MAX",
  searchThreads: "ELANUS_SEARCH_THREADS",
  buildThreads: "ELANUS_BUILD_THREADS",
  objectsUrl: "ELANUS_OBJECTS_URL",
  metadataUrl: "ELANUS_METADATA_URL",
  etcdUser: "ELANUS_ETCD_USER",
  etcdPassword: "ELANUS_ETCD_PASSWORD",
  etcdCa: "ELANUS_ETCD_CA",
  clusterName: "ELANUS_CLUSTER_NAME",
  s3Endpoint: "ELANUS_S3_ENDPOINT",
  s3Region: "AWS_REGION",
  cacheUrl: "ELANUS_CACHE_URL",
  cacheSecret: "ELANUS_CACHE_SECRET",
  quotaRequests: "ELANUS_QUOTA_REQUESTS",
  quotaBytes: "ELANUS_QUOTA_BYTES",
  logLevel: "ELANUS_LOG_LEVEL",
};

/** What the operator has to mend; its message says where. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

export interface ConfigurationSources {
  /** As given on the command line; undefined ones were not. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: NodeJS.ProcessEnv;
  /** A JSON object with the names of the configuration. */
  readonly file: string | undefined;
}

export function loadConfiguration(sources: ConfigurationSources): Configuration {
  const { given, origins } = collect(sources);
  const parsed = configurationSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0] ?? "");
    const unknown = issue.code === "unrecognized_keys" ? ` (${sources.file})` : "";
    return `${origins.get(name) ?? name}${unknown}: ${issue.message}`;
  });
  throw new ConfigurationError(problems.join("\n"));
}

function collect({ flags, environment, file }: ConfigurationSources) {
  const given: Record<string, unknown> = {};
  const origins = new Map<string, string>();
  const put = (name: string, value: unknown, origin: string) => {
    if (value === undefined || value === "") return;
    given[name] = value;
    origins.set(name, origin);
  };
  for (const [name, value] of Object.entries(readFile(file)))
    put(name, value, `${name} in ${file}`);
  for (const [name, variable] of Object.entries(environmentNames)) {
    put(name, environment[variable], variable);
  }
  for (const name of Object.keys(environmentNames)) put(name, flags[name], flagOf(name));
  return { given, origins };
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function readFile(file: string | undefined): Record<string, unknown> {
  if (file === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
      return parsed as Record<string, unknown>;
    }
  } catch (error) {
    throw new ConfigurationError(`${file}: ${(error as Error).message}`);
  }
  throw new ConfigurationError(`${file}: not a JSON object`);
}

/**
 * The environment for a host of the embedded cluster: the settings of hosts as they are here,
 * wherever they came from, and nothing that is meant for another NATS server.
 */
export function hostEnvironment(
  configuration: Configuration,
  environment: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const own = Object.entries(environmentNames).map(([name, variable]) => {
    const value = configuration[name as Name];
    const isPassedOn = typeof value === "number" || name === "logLevel";
    return [variable, isPassedOn ? String(value) : ""];
  });
  return { ...environment, ...Object.fromEntries(own) };
}

export function objectStoreOf(configuration: Configuration): ObjectStoreLocation {
  const { objectsUrl, s3Region: region, s3Endpoint: endpoint, dataDir } = configuration;
  if (objectsUrl !== undefined) return s3LocationOf(objectsUrl, { region, endpoint });
  return { kind: "file", root: join(dataDir, "objects") };
}

/** Null: no cache. Throws a `ConfigurationError` when the secret is missing. */
export function sharedCacheOf(configuration: Configuration): SharedCacheSettings | null {
  const { clusterName: cluster, cacheUrl: url, cacheSecret: secret } = configuration;
  if (url === undefined) return null;
  if (secret !== undefined) return { cluster, url, secret };
  const hint = "set ELANUS_CACHE_SECRET to the same text of 16 or more characters on every host";
  throw new ConfigurationError(`--cache-url needs a secret, or anybody's answers count: ${hint}`);
}

/** Null: a key-value bucket of the NATS server. */
export function etcdSettingsOf(configuration: Configuration): EtcdSettings | null {
  const { metadataUrl, etcdUser, etcdPassword = "", etcdCa, clusterName } = configuration;
  if (metadataUrl === undefined) return null;
  const user = etcdUser === undefined ? {} : { user: { name: etcdUser, password: etcdPassword } };
  const trusted = etcdCa === undefined ? {} : { rootCertificate: readCertificate(etcdCa) };
  return { endpoints: metadataUrl, cluster: clusterName, ...user, ...trusted };
}

function readCertificate(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigurationError(`ELANUS_ETCD_CA: ${(error as Error).message}`);
  }
}

export function natsSettingsOf(
  configuration: Configuration,
  name: string,
  waitForServer: boolean,
): NatsSettings {
  const { natsCa, natsCertificate, natsKey } = configuration;
  const hasTls = natsCa !== undefined || natsCertificate !== undefined;
  return {
    servers: configuration.natsUrl,
    name,
    user: configuration.natsUser,
    password: configuration.natsPassword,
    token: configuration.natsToken,
    credentials: configuration.natsCredentials,
    waitForServer,
    tls: hasTls
      ? {
          ...(natsCa === undefined ? {} : { ca: natsCa }),
          ...(natsCertificate === undefined ? {} : { certificate: natsCertificate }),
          ...(natsKey === undefined ? {} : { key: natsKey }),
        }
      : undefined,
  };
}
