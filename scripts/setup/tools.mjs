// Finds the programs that Elanus needs beside Node, and installs those that are missing.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { SetupProblem, say } from "./problem.mjs";

const nodeMajorMin = 20;
const natsServerMin = [2, 9];
/** Debian keeps servers in sbin, which an ordinary user's PATH lacks. */
const extraDirectories = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"];

/** What compiles the vector index (hnswlib-node), and the server that keeps the log. */
const toolsOfEveryone = [
  { name: "python3", apt: "python3", brew: "python3", find: () => runs("python3") },
  { name: "make", apt: "make", brew: "make", find: () => runs("make") },
  { name: "g++", apt: "g++", brew: "gcc", find: () => runs(process.env.CXX ?? "g++") },
  {
    name: "nats-server",
    apt: "nats-server",
    brew: "nats-server",
    service: "nats-server",
    find: () => server("nats-server"),
  },
];

/** The servers of the cluster profile, which its tests start themselves. */
const serversOfTests = [
  { name: "etcd", apt: "etcd-server", brew: "etcd", service: "etcd", find: () => server("etcd") },
  {
    name: "redis-server",
    apt: "redis-server",
    brew: "redis",
    service: "redis-server",
    find: () => server("redis-server"),
  },
];

/** Returns one line that names the versions found; throws a SetupProblem. */
export function readyTools({ withServers = false } = {}) {
  if (Number.parseInt(process.versions.node, 10) < nodeMajorMin) {
    throw new SetupProblem(
      `Elanus needs Node ${nodeMajorMin} or newer, and this is ${process.versions.node}.\n` +
        "Newer ones: https://nodejs.org, or your system's packages.",
    );
  }
  const tools = withServers ? [...toolsOfEveryone, ...serversOfTests] : toolsOfEveryone;
  const missing = absent(tools);
  if (missing.length > 0) install(missing);
  const still = absent(tools);
  if (still.length > 0) throw new SetupProblem(waysToGet(still, "They are still not found."));
  return `node ${process.versions.node}, nats-server ${natsServerVersion().join(".")}`;
}

function absent(tools) {
  return tools.filter((tool) => tool.find() === undefined);
}

/** The program's path, or undefined when there is none that starts. */
function runs(program) {
  const path = onPath(program, []);
  if (path === undefined) return undefined;
  return spawnSync(path, ["--version"], { stdio: "ignore" }).status === 0 ? path : undefined;
}

function onPath(program, more) {
  if (program.includes("/")) return isExecutable(program) ? program : undefined;
  const directories = [...(process.env.PATH ?? "").split(delimiter), ...more];
  return directories
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, program))
    .find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** For `redis-server`, ELANUS_REDIS_SERVER names one. */
function server(name) {
  const variable = `ELANUS_${name.toUpperCase().replaceAll("-", "_")}`;
  const named = process.env[variable];
  if (named === undefined || named === "") return onPath(name, extraDirectories);
  if (isExecutable(named)) return named;
  throw new SetupProblem(`${variable} names '${named}', which is not a program.`);
}

function natsServerVersion() {
  const path = server("nats-server");
  const output = spawnSync(path, ["--version"], { encoding: "utf8" }).stdout ?? "";
  const version = /v?(\d+)\.(\d+)\.(\d+)/.exec(output)?.slice(1).map(Number);
  if (version === undefined) {
    throw new SetupProblem(`'${path} --version' printed no version: is it a nats-server?`);
  }
  const [major, minor] = version;
  const [majorMin, minorMin] = natsServerMin;
  if (major < majorMin || (major === majorMin && minor < minorMin)) {
    throw new SetupProblem(
      `Elanus needs nats-server ${natsServerMin.join(".")} or newer; ` +
        `${path} is ${version.join(".")}.\n` +
        "Name a newer one with ELANUS_NATS_SERVER=/path/to/nats-server.",
    );
  }
  return version;
}

function install(missing) {
  const names = missing.map((tool) => tool.name).join(", ");
  const apt = onPath("apt-get", []);
  const brew = onPath("brew", []);
  if (apt !== undefined) {
    say(`missing: ${names}; installing with apt-get (about a minute)`);
    installWithApt(apt, missing);
  } else if (brew !== undefined) {
    say(`missing: ${names}; installing with brew (some minutes)`);
    const packages = missing.map((tool) => tool.brew);
    if (run([brew, "install", ...packages]) !== 0) {
      throw new SetupProblem(waysToGet(missing, "'brew install' failed (its output is above)."));
    }
  } else {
    throw new SetupProblem(waysToGet(missing, "There is no apt-get or brew to install them with."));
  }
}

function installWithApt(apt, missing) {
  const asRoot = rootPrefix(missing);
  // Another apt may hold the lock for a while, on a machine that was just booted above all.
  const patience = ["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=2"];
  const updated = run([...asRoot, apt, ...patience, "update", "-qq"]) === 0;
  const installed = run([
    ...[...asRoot, "env", "DEBIAN_FRONTEND=noninteractive", apt, ...patience],
    ...["install", "-y", "-q", "--no-install-recommends", ...missing.map((tool) => tool.apt)],
  ]);
  if (installed !== 0) {
    const step = updated ? "'apt-get install' failed" : "'apt-get update' and 'install' failed";
    throw new SetupProblem(waysToGet(missing, `${step} (the output is above).`));
  }
  const services = missing.filter((tool) => tool.service !== undefined);
  if (services.length > 0 && existsSync("/run/systemd/system")) {
    const names = services.map((tool) => tool.service).join(" ");
    say("these packages also run services of their own, which Elanus neither uses nor touches;");
    say(`'systemctl disable --now ${names}' turns them off`);
  }
}

function rootPrefix(missing) {
  if (process.getuid?.() === 0) return [];
  const sudo = onPath("sudo", []);
  if (sudo === undefined) {
    throw new SetupProblem(waysToGet(missing, "Installing them needs root, and there is no sudo."));
  }
  // Without a terminal nobody can type a password: fail at once instead of waiting for one.
  return process.stderr.isTTY ? [sudo] : [sudo, "-n"];
}

/** Its exit status; what it printed is shown only when it failed. */
function run([program, ...args]) {
  const result = spawnSync(program, args, {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status !== 0) process.stdout.write(result.stdout ?? "");
  return result.status ?? 1;
}

function waysToGet(missing, cause) {
  const packagesOf = (kind) => missing.map((tool) => tool[kind]).join(" ");
  const lines = [
    `Elanus needs ${missing.map((tool) => tool.name).join(", ")}. ${cause}`,
    "Ways to get what is missing:",
    `  Debian, Ubuntu   sudo apt-get update && sudo apt-get install -y ${packagesOf("apt")}`,
    `  macOS            xcode-select --install; brew install ${packagesOf("brew")}`,
  ];
  if (missing.some((tool) => tool.name === "nats-server")) {
    lines.push(
      "  by hand          https://github.com/nats-io/nats-server/releases, then put nats-server",
      "                   on the PATH, or name it: ELANUS_NATS_SERVER=/path/to/nats-server",
    );
  }
  return [...lines, "Then run the same command again."].join("\n");
}
