// The compose file as far as it can be checked without a Docker engine: it cannot be run here.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { roles } from "../../src/messages/records.js";
import { environmentNames, loadConfiguration } from "../../src/system/config.js";
import { findNatsServer } from "../../src/system/nats-program.js";

interface Service {
  readonly image?: string;
  readonly build?: { readonly target: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly networks?: readonly string[];
  readonly depends_on?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: object;
  readonly networks: object;
}

const folder = new URL("../../deploy/", import.meta.url);
const read = (file: string) => readFileSync(new URL(file, folder), "utf8");
const compose: Compose = parse(read("docker-compose.yml"), {
  merge: true,
  maxAliasCount: -1,
});
const services = Object.entries(compose.services);
const named = (prefix: string) => services.filter(([name]) => name.startsWith(`${prefix}-`));
const hosts = services.filter(([, { command }]) => command?.[0] === "host");

/** What `${NAME:?...}` becomes when the operator has filled in the example of the settings. */
const filledIn = (text: string) => text.replaceAll(/\$\{(\w+)[^}]*\}/g, "x".repeat(32));

function configurationOf({ command = [], environment = {} }: Service) {
  const option = (name: string) => command[command.indexOf(name) + 1];
  return loadConfiguration({
    flags: { name: option("--name"), roles: option("--roles") },
    environment: Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [name, filledIn(value)]),
    ),
    file: undefined,
  });
}

describe("the compose file", () => {
  it.each(services)("%s names only what is declared", (_name, service) => {
    expect(service.image).toMatch(/^(elanus-\w+|[\w./-]+:[\w.-]+)$/);
    const mounts = (service.volumes ?? []).map((volume) => volume.split(":")[0] ?? "");
    const own = mounts.filter((mount) => !mount.startsWith("./"));
    expect(Object.keys(compose.volumes)).toEqual(expect.arrayContaining(own));
    expect(Object.keys(compose.networks)).toEqual(
      expect.arrayContaining([...(service.networks ?? [])]),
    );
    expect(Object.keys(compose.services)).toEqual(
      expect.arrayContaining([...(service.depends_on ?? [])]),
    );
    for (const file of mounts.filter((mount) => mount.startsWith("./"))) {
      expect(read(file)).not.toBe("");
    }
  });

  it("builds its own images from targets that the Dockerfile has", () => {
    const targets = services.flatMap(([, { build }]) =>
      build === undefined ? [] : [build.target],
    );
    for (const target of new Set(targets)) {
      expect(read("Dockerfile")).toMatch(new RegExp(`^FROM \\S+ AS ${target}$`, "m"));
    }
  });

  it("asks for every secret in the example of the settings, and for nothing else", () => {
    const asked = new Set(
      [...read("docker-compose.yml").matchAll(/\$\{(\w+):\?/g)].map((m) => m[1]),
    );
    const offered = [...read(".env.example").matchAll(/^(\w+)=/gm)].map((match) => match[1]);
    expect([...asked].sort()).toEqual(offered.sort());
  });

  it.each(hosts)("%s has settings that a host accepts", (name, service) => {
    const configuration = configurationOf(service);
    expect(configuration.name).toBe(name);
    expect(configuration.replicas).toBe(3);
  });

  it.each(hosts)(
    "%s finds the parts that are declared, by names that are read",
    (_name, service) => {
      const foreign = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
      const known: readonly string[] = [...Object.values(environmentNames), ...foreign];
      for (const name of Object.keys(service.environment ?? {})) expect(known).toContain(name);
      const configuration = configurationOf(service);
      expect(configuration).toMatchObject({
        objectsUrl: "s3://elanus/cluster",
        s3Region: "us-east-1",
      });
      const { natsUrl, metadataUrl, s3Endpoint, cacheUrl } = configuration;
      const urls = [natsUrl, metadataUrl, s3Endpoint, cacheUrl].flatMap((url) =>
        [url ?? []].flat(),
      );
      const machines = urls.flatMap((url) => url.split(",")).map((url) => new URL(url).hostname);
      expect(machines).toHaveLength(8);
      expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(machines));
    },
  );

  it("runs each role on two hosts at least", () => {
    const running = hosts.flatMap(([, service]) => configurationOf(service).roles);
    for (const role of roles) {
      expect(running.filter((other) => other === role).length).toBeGreaterThanOrEqual(2);
    }
  });

  it("has three NATS servers, each with routes to the two others", () => {
    const servers = named("nats");
    expect(servers).toHaveLength(3);
    for (const [name, { command = [] }] of servers) {
      expect(command[command.indexOf("-n") + 1]).toBe(name);
      const others = servers.filter(([other]) => other !== name);
      const routes = others.map(([other]) => `nats://${other}:6222`).join(",");
      expect(command[command.indexOf("--routes") + 1]).toBe(routes);
    }
  });

  it("has three etcd members that know one another by the addresses they advertise", () => {
    const members = named("etcd");
    expect(members).toHaveLength(3);
    const peers = members.map(
      ([name, { environment }]) => `${name}=${environment?.ETCD_INITIAL_ADVERTISE_PEER_URLS}`,
    );
    for (const [name, { environment }] of members) {
      expect(environment?.ETCD_NAME).toBe(name);
      expect(environment?.ETCD_INITIAL_CLUSTER).toBe(peers.join(","));
    }
  });
});

describe("the settings of the NATS servers", () => {
  it("are accepted by the server's own parser, but for what only newer servers know", () => {
    const program = findNatsServer(process.env);
    if (program === undefined) throw new Error("there is no nats-server");
    const directory = mkdtempSync(join(tmpdir(), "elanus-compose-"));
    try {
      const file = join(directory, "nats.conf");
      const version = spawnSync(program, ["--version"], { encoding: "utf8" }).stdout;
      const isOld = / v2\.9\./.test(version);
      writeFileSync(
        file,
        isOld ? read("nats.conf").replace(/^.*sync_interval.*$/m, "") : read("nats.conf"),
      );
      const checked = spawnSync(program, ["-t", "-c", file], { encoding: "utf8" });
      expect(`${checked.stdout}${checked.stderr}`).toContain("is valid");
      expect(checked.status).toBe(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
