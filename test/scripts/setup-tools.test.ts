// What set-up does about missing programs: installs them, or says in one message how to get them.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const toolsModule = new URL("../../scripts/setup/tools.mjs", import.meta.url).href;
const isRoot = process.getuid?.() === 0;
let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "elanus-setup-"));
  mkdirSync(join(directory, "bin"));
  symlinkSync("/bin/sh", join(directory, "bin", "sh"));
  symlinkSync("/usr/bin/env", join(directory, "bin", "env"));
  addProgram("python3", "exit 0");
  addProgram("make", "exit 0");
  addProgram("g++", "exit 0");
  addProgram("nats-server", 'echo "nats-server: v2.10.27"');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function addProgram(name: string, script: string): void {
  writeFileSync(join(directory, "bin", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

function removeProgram(name: string): void {
  rmSync(join(directory, "bin", name));
}

/** Runs the search for tools on a machine that has nothing but this test's own programs. */
function readyTools(natsServer = join(directory, "bin", "nats-server"), withServers = false) {
  const program = `import { readyTools } from ${JSON.stringify(toolsModule)};
    const options = { withServers: ${withServers} };
    try { console.log(readyTools(options)); } catch (error) { console.log(error.name, error.message); }`;
  const environment = { PATH: join(directory, "bin"), ELANUS_NATS_SERVER: natsServer };
  const args = ["--input-type=module", "-e", program];
  return spawnSync(process.execPath, args, { env: environment, encoding: "utf8" }).stdout;
}

test("is silent when everything is there", () => {
  expect(readyTools()).toBe(`node ${process.versions.node}, nats-server 2.10.27\n`);
});

test("names every way when there is nothing to install with", () => {
  removeProgram("make");
  removeProgram("g++");
  const output = readyTools();
  expect(output).toContain("SetupProblem Elanus needs make, g++.");
  expect(output).toContain("apt-get install -y make g++");
  expect(output).toContain("brew install make gcc");
});

// Elsewhere brew's own folder is searched too, and may have them.
test.runIf(process.platform === "linux")("wants etcd and Redis only when asked for them", () => {
  expect(readyTools()).toContain("nats-server 2.10.27");
  const output = readyTools(undefined, true);
  expect(output).toContain("SetupProblem Elanus needs etcd, redis-server.");
  expect(output).toContain("apt-get install -y etcd-server redis-server");
  addProgram("etcd", "exit 0");
  addProgram("redis-server", "exit 0");
  expect(readyTools(undefined, true)).toContain("nats-server 2.10.27");
});

test.runIf(isRoot)("installs what is missing, and only that", () => {
  removeProgram("g++");
  const calls = join(directory, "calls");
  const compiler = join(directory, "bin", "g++");
  const copy = `while read -r line; do echo "$line"; done < ${join(directory, "bin", "make")}`;
  addProgram(
    "apt-get",
    `echo "$*" >> ${calls}
     case "$*" in *install*) ${copy} > ${compiler}; chmod 755 ${compiler};; esac`,
  );
  symlinkSync("/bin/chmod", join(directory, "bin", "chmod"));
  expect(readyTools()).toContain("nats-server 2.10.27");
  const [update, install, ...more] = readFileSync(calls, "utf8").trim().split("\n");
  expect(update).toMatch(/update/);
  expect(install).toMatch(/install -y .*--no-install-recommends g\+\+$/);
  expect(more).toEqual([]);
});

test.runIf(isRoot)("shows what apt-get said when it failed", () => {
  removeProgram("make");
  addProgram("apt-get", 'echo "no such package"; exit 100');
  const output = readyTools();
  expect(output).toContain("no such package");
  expect(output).toContain("Elanus needs make. 'apt-get update' and 'install' failed");
});

test.skipIf(isRoot)("says that it is not root and has no sudo", () => {
  removeProgram("make");
  addProgram("apt-get", "exit 0");
  expect(readyTools()).toContain("Installing them needs root, and there is no sudo.");
});

test("refuses a server that is too old, none at all, or not a server", () => {
  addProgram("nats-server", 'echo "nats-server: v2.8.4"');
  expect(readyTools()).toContain("Elanus needs nats-server 2.9 or newer");
  addProgram("nats-server", 'echo "hello"');
  expect(readyTools()).toContain("printed no version");
  expect(readyTools(join(directory, "nowhere"))).toContain("ELANUS_NATS_SERVER names");
});
