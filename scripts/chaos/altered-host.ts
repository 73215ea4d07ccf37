#!/usr/bin/env node
// An actor host for tests only: with a planted bug, another setting, or a point at which it dies.
import { parseArgs } from "node:util";
import { findMutant } from "../../src/simulation/mutants/all.js";
import { loadConfiguration } from "../../src/system/config.js";
import { type Changed, runHost } from "../elanus/host.js";
import { armedByFile, crashFileVariable, mutantVariable, versionVariable } from "./crash-arm.js";
import { objectGraceVariable, withObjectGrace } from "./object-grace.js";
import { planted } from "./planting.js";

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: "string" },
    roles: { type: "string" },
    "nats-url": { type: "string" },
    "data-dir": { type: "string" },
  },
});
const flags = {
  ...{ name: values.name, roles: values.roles },
  ...{ natsUrl: values["nats-url"], dataDir: values["data-dir"] },
};

process.exitCode = await runHost(
  loadConfiguration({ flags, environment: process.env, file: undefined }),
  changeOf(process.env),
);

function changeOf(environment: NodeJS.ProcessEnv): Changed {
  const crashFile = environment[crashFileVariable];
  if (crashFile !== undefined) return { definitions: armedByFile(crashFile) };
  const graceMs = environment[objectGraceVariable];
  if (graceMs !== undefined) return { definitions: withObjectGrace(Number(graceMs)) };
  const name = environment[mutantVariable];
  if (name === undefined) return versionOf(environment);
  const mutant = findMutant(name);
  if (mutant === undefined) throw new Error(`there is no planted bug '${name}'`);
  return { definitions: planted(mutant) };
}

/** As the version after the next raise of the format would announce itself: `2.0.0 1 2`. */
function versionOf(environment: NodeJS.ProcessEnv): Changed {
  const [version, min, max] = (environment[versionVariable] ?? "").split(" ");
  if (version === undefined || min === undefined || max === undefined) return {};
  return { version, formats: { min: Number(min), max: Number(max) } };
}
