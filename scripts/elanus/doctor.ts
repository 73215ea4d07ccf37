// `elanus doctor`: looks at what Elanus stands on, and says how to mend what is wrong.
import { type Configuration, natsSettingsOf } from "../../src/system/config.js";
import { type Finding, inspect } from "../../src/system/doctor.js";
import { connectNats, type NatsLink } from "../../src/system/nats.js";

const marks = { ok: "ok  ", warn: "warn", fail: "FAIL" } as const;

export async function runDoctor(configuration: Configuration, asJson: boolean): Promise<number> {
  const link = await connected(configuration);
  const findings = await inspect(configuration, link);
  await link?.close();
  if (asJson) console.log(JSON.stringify({ findings }));
  else for (const finding of findings) print(finding);
  return findings.some(({ level }) => level === "fail") ? 1 : 0;
}

/** Null without a server: the embedded one runs only during `elanus dev`. */
async function connected(configuration: Configuration): Promise<NatsLink | null> {
  try {
    return await connectNats(natsSettingsOf(configuration, "elanus-doctor", false));
  } catch {
    return null;
  }
}

function print({ level, subject, text, fix }: Finding): void {
  console.log(`${marks[level]}  ${subject}: ${text}`);
  if (fix !== null) console.log(`      ${fix}`);
}
