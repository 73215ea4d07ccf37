// No secret reaches the operator's log, wherever it was given.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const module = (name: string) =>
  fileURLToPath(new URL(`../../dist/src/system/${name}.js`, import.meta.url));

describe("operator log", () => {
  it("masks passwords, tokens and what stands in an address", () => {
    const program = `
      import { loadConfiguration } from ${JSON.stringify(module("config"))};
      import { createOperatorLog } from ${JSON.stringify(module("operator-log"))};
      const configuration = loadConfiguration({
        flags: {}, file: undefined,
        environment: { NATS_PASSWORD: "canary-one", NATS_TOKEN: "canary-two",
          NATS_URL: "nats://me:canary-three@host:4222,nats://canary-four@host2:4222" },
      });
      const log = createOperatorLog(configuration, "h");
      log.report("warn", "host", "canary-one canary-two " + configuration.natsUrl);
      log.fatal("lost: canary-three and canary-four");
    `;
    const options = { encoding: "utf8", input: program } as const;
    const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-"], options);
    const lines = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ level }) => level)).toEqual([40, 60]);
    expect(stderr).not.toContain("canary");
    expect(stderr).toContain("[redacted]");
    expect(stderr).toContain("@host2:4222");
  });
});
