// `elanus dev`, `status` and `doctor` as processes: a cluster that starts, heals, and leaves nothing.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { waitUntil } from "./nats-harness.js";

const script = fileURLToPath(new URL("../../dist/scripts/elanus.js", import.meta.url));
const environment = { ...process.env, ELANUS_LOG_LEVEL: "warn", ELANUS_SEARCH_THREADS: "1" };
let directory: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "elanus-cli-"));
});
afterEach(async () => {
  for (const child of started.splice(0)) await end(child, "SIGTERM");
  rmSync(directory, { recursive: true, force: true });
});

interface Ready {
  readonly url: string;
  readonly hosts: readonly { readonly pid: number; readonly roles: readonly string[] }[];
}

async function startDev(...options: string[]) {
  const dataDir = join(directory, "data");
  const given = ["dev", "--data-dir", dataDir, "--port", "0", ...options];
  const child = spawn(process.execPath, [script, ...given], {
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  const lines: string[] = [];
  let ready: Ready | undefined;
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    if (line.startsWith("ready ")) ready = JSON.parse(line.slice("ready ".length));
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const isOver = () => ready !== undefined || child.exitCode !== null;
  await waitUntil("the ready line", isOver, 90_000);
  if (ready === undefined) throw new Error(`it did not start: ${errors}`);
  const nats = JSON.parse(readFileSync(join(dataDir, "nats", "nats-server.json"), "utf8"));
  const pids = [nats.pid as number, ...ready.hosts.map(({ pid }) => pid)];
  return { child, dataDir, ready, pids, lines, errors: () => errors };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

function elanus(...options: string[]) {
  const result = spawnSync(process.execPath, [script, ...options], {
    env: environment,
    encoding: "utf8",
  });
  return { code: result.status, out: result.stdout, errors: result.stderr };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("elanus dev", () => {
  it("serves, refuses a second one on its data, heals, and leaves nothing behind", async () => {
    const dev = await startDev();
    expect(dev.ready.hosts.map(({ roles }) => roles.length)).toEqual([3, 3, 3]);
    expect(dev.lines.some((line) => line.includes("req elanus.v1.sys.health"))).toBe(true);
    const second = elanus("dev", "--data-dir", dev.dataDir, "--port", "0");
    expect(second).toMatchObject({ code: 1, out: "" });
    expect(second.errors).toMatch(/in use by another cluster \(process \d+\): stop that one/);
    const port = new URL(dev.ready.url).port;
    const taken = elanus("dev", "--data-dir", join(directory, "other"), "--port", port);
    expect(taken).toMatchObject({ code: 1, out: "" });
    expect(taken.errors).toBe(
      `port ${port} is in use: choose another with --port, or 0 for a free one\n`,
    );

    const [, , killed = 0] = dev.pids;
    process.kill(killed, "SIGKILL");
    const overview = () => JSON.parse(elanus("status", "--nats-url", dev.ready.url, "--json").out);
    const pids = (): number[] => overview().hosts.map(({ pid }: { pid: number }) => pid);
    await waitUntil(
      "a host in its place",
      () => pids().filter((pid) => pid !== killed).length >= 3,
    );
    const all = [...dev.pids, ...pids()];

    await end(dev.child, "SIGTERM");
    expect(dev.child.exitCode).toBe(0);
    expect(all.filter(isAlive)).toEqual([]);
  });

  it("leaves no host behind when it is killed itself, and starts over its left-over server", async () => {
    const first = await startDev("--hosts", "proxy,coordinator,oracle;query,data,index");
    await end(first.child, "SIGKILL");
    const [natsPid = 0, ...hostPids] = first.pids;
    await waitUntil("the hosts' end", () => hostPids.every((pid) => !isAlive(pid)));
    expect(isAlive(natsPid)).toBe(true);
    const second = await startDev("--hosts", "proxy,coordinator,oracle;query,data,index");
    // Until its new parent has taken note, an ended process still has its id.
    await waitUntil("the end of the left-over server", () => !isAlive(natsPid), 2_000);
    expect(second.errors()).toContain("a nats-server was left over from before");
    await end(second.child, "SIGINT");
    expect(second.pids.filter(isAlive)).toEqual([]);
  });
});

describe("elanus status and doctor", () => {
  it("say that nobody answers, and where to look", () => {
    const status = elanus("status", "--nats-url", "nats://127.0.0.1:1");
    expect(status).toMatchObject({ code: 2, out: "" });
    expect(status.errors).toContain("no NATS server at nats://127.0.0.1:1");
  });

  it("find what Elanus stands on, and name a fix for all that is not well", () => {
    const options = ["--nats-url", "nats://127.0.0.1:1", "--data-dir", join(directory, "data")];
    const doctor = elanus("doctor", "--json", ...options);
    expect(doctor.code).toBe(0);
    const { findings } = JSON.parse(doctor.out) as {
      findings: { level: string; subject: string; text: string; fix: string | null }[];
    };
    const subjects = findings.map(({ subject }) => subject);
    for (const subject of ["Node", "nats-server", "acknowledged writes", "vector index", "disk"]) {
      expect(subjects).toContain(subject);
    }
    expect(findings.filter(({ level, fix }) => level !== "ok" && fix === null)).toEqual([]);
    const elsewhere = elanus("doctor", "--json", "--data-dir", join(script, "data"));
    expect(elsewhere.code).toBe(1);
  });

  it("refuse settings that make no sense, and say where they come from", () => {
    const wrong = elanus("host", "--roles", "proxy,kitchen", "--data-dir", directory);
    expect(wrong.code).toBe(1);
    expect(wrong.errors).toMatch(/^--roles: /);
  });
});
