// Settings: their order of precedence, and errors that name the place to mend.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  etcdSettingsOf,
  hostEnvironment,
  loadConfiguration,
  natsSettingsOf,
  objectStoreOf,
  sharedCacheOf,
} from "../../src/system/config.js";

const directory = mkdtempSync(join(tmpdir(), "elanus-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

function fileOf(content: string): string {
  const file = join(directory, `${Math.random()}.json`);
  writeFileSync(file, content);
  return file;
}

function load(
  flags: Record<string, unknown> = {},
  environment: NodeJS.ProcessEnv = {},
  file?: string,
) {
  return loadConfiguration({ flags, environment, file });
}

describe("configuration", () => {
  it("has defaults for everything", () => {
    expect(load()).toMatchObject({
      natsUrl: "nats://127.0.0.1:4222",
      dataDir: ".elanus",
      port: 4222,
      sessionTtlMs: 10_000,
      logBytesMax: 8 * 1024 ** 3,
      hosts: [
        ["proxy", "coordinator", "oracle"],
        ["query", "data", "index"],
        ["query", "data", "index"],
      ],
    });
  });

  it("prefers flags to the environment, and that to a file", () => {
    const file = fileOf('{"port": 1, "replicas": 3, "dataDir": "from-file"}');
    const environment = { ELANUS_PORT: "2", ELANUS_DATA_DIR: "from-environment", NATS_URL: "" };
    const configuration = load({ port: "3" }, environment, file);
    expect(configuration).toMatchObject({ port: 3, dataDir: "from-environment", replicas: 3 });
    expect(configuration.natsUrl).toBe("nats://127.0.0.1:4222");
  });

  it("keeps metadata in etcd when its endpoints are given", () => {
    expect(etcdSettingsOf(load())).toBeNull();
    const certificate = fileOf("of an authority");
    const environment = {
      ELANUS_METADATA_URL: "https://a:2379, https://b:2379",
      ELANUS_ETCD_PASSWORD: "secret",
      ELANUS_ETCD_CA: certificate,
    };
    const configuration = load({ etcdUser: "elanus", clusterName: "east" }, environment);
    expect(etcdSettingsOf(configuration)).toEqual({
      endpoints: ["https://a:2379", "https://b:2379"],
      cluster: "east",
      user: { name: "elanus", password: "secret" },
      rootCertificate: Buffer.from("of an authority"),
    });
    const missing = load({ metadataUrl: "http://a:2379", etcdCa: join(directory, "none") });
    expect(() => etcdSettingsOf(missing)).toThrow("ELANUS_ETCD_CA");
    expect(() => load({ metadataUrl: "a:2379" })).toThrow("--metadata-url: not like http://");
    expect(() => load({ metadataUrl: "http://a,https://b" })).toThrow("all http or all https");
    expect(() => load({ clusterName: "a/b" })).toThrow("--cluster-name");
    const embedded = hostEnvironment(configuration, environment);
    expect(etcdSettingsOf(load({}, embedded))).toBeNull();
  });

  it("reads roles and hosts as texts and as lists", () => {
    expect(load({ roles: "query, data" }).roles).toEqual(["query", "data"]);
    expect(load({ hosts: "proxy,oracle;query" }).hosts).toEqual([["proxy", "oracle"], ["query"]]);
    const file = fileOf('{"hosts": [["proxy"], ["query", "data"]]}');
    expect(load({}, {}, file).hosts).toEqual([["proxy"], ["query", "data"]]);
  });

  it("says where a wrong setting stands", () => {
    expect(() => load({ dataDir: "x", port: "70000" })).toThrow(/^--port: /);
    expect(() => load({}, { ELANUS_SESSION_TTL_MS: "soon" })).toThrow(/^ELANUS_SESSION_TTL_MS: /);
    expect(() => load({}, {}, fileOf('{"port": "x"}'))).toThrow(/^port in .*json: /);
    expect(() => load({}, {}, fileOf('{"prot": 1}'))).toThrow(/"prot"/);
    expect(() => load({}, {}, fileOf("[1]"))).toThrow(/not a JSON object/);
    expect(() => load({}, {}, fileOf("{"))).toThrow(/json: /);
    expect(() => load({}, {}, join(directory, "none.json"))).toThrow(/ENOENT/);
    expect(() => load({ roles: "", hosts: ";" })).toThrow(/^--hosts: /);
  });

  it("passes what concerns hosts on to them, and nothing meant for another server", () => {
    const environment = { NATS_URL: "nats://elsewhere", NATS_TOKEN: "t", PATH: "/bin" };
    const configuration = load({ logLevel: "debug" }, { ...environment, ELANUS_READS_MAX: "3" });
    const passed = hostEnvironment(configuration, environment);
    expect(passed).toMatchObject({ PATH: "/bin", NATS_URL: "", NATS_TOKEN: "" });
    const received = load({}, passed);
    expect(received).toMatchObject({ logLevel: "debug", readsMax: 3 });
    expect(received.natsUrl).toBe("nats://127.0.0.1:4222");
    expect(received.natsToken).toBe(undefined);
  });

  it("takes a bucket for objects, else a folder", () => {
    expect(objectStoreOf(load({ dataDir: "x" }))).toEqual({ kind: "file", root: "x/objects" });
    const s3 = { kind: "s3", bucket: "b-1.x", region: "us-east-1", endpoint: null };
    const of = (objectsUrl: string, more = {}) => objectStoreOf(load({ objectsUrl, ...more }));
    expect(of("s3://b-1.x")).toEqual({ ...s3, prefix: "" });
    expect(of("s3://b-1.x/team/elanus/")).toEqual({ ...s3, prefix: "team/elanus" });
    const endpoint = "http://127.0.0.1:4568";
    expect(of("s3://b-1.x/p", { s3Endpoint: endpoint, s3Region: "eu-1" })).toEqual({
      ...{ ...s3, prefix: "p", endpoint, region: "eu-1" },
    });
    for (const wrong of ["b", "s3://", "s3://B", "s3://bucket/../x", "s3://bucket//x", "file:x"]) {
      expect(() => of(wrong), wrong).toThrow(/^--objects-url: /);
    }
    expect(() => of("s3://bucket", { s3Endpoint: "nowhere" })).toThrow(/^--s3-endpoint: /);
  });

  it("wants a secret for a cache, and says how to give it", () => {
    const cacheUrl = "redis://:password@127.0.0.1:6379/2";
    expect(sharedCacheOf(load())).toBe(null);
    const secret = "sixteen or more characters";
    const environment = { ELANUS_CACHE_SECRET: secret };
    expect(sharedCacheOf(load({ cacheUrl }, environment))).toEqual({
      ...{ cluster: "default", url: cacheUrl, secret },
    });
    expect(() => sharedCacheOf(load({ cacheUrl }))).toThrow(/^--cache-url .*ELANUS_CACHE_SECRET/);
    expect(() => load({}, { ELANUS_CACHE_SECRET: "short" })).toThrow(/^ELANUS_CACHE_SECRET: /);
    expect(() => load({ cacheUrl: "http://x" })).toThrow(/^--cache-url: /);
  });

  it("hands credentials to the connection", () => {
    const environment = { NATS_USER: "u", NATS_PASSWORD: "p", NATS_CA: "ca.pem" };
    expect(natsSettingsOf(load({}, environment), "name", true)).toMatchObject({
      ...{ user: "u", password: "p", name: "name", waitForServer: true },
      tls: { ca: "ca.pem" },
    });
    expect(natsSettingsOf(load(), "name", false).tls).toBe(undefined);
  });
});
