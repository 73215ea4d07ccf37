// The operator's log: lines of JSON on standard error, without secrets.
import pino from "pino";
import type { Configuration } from "./config.js";

type Level = "info" | "warn" | "error";

export interface OperatorLog {
  report(level: Level, actor: string, text: string): void;
  fatal(text: string): void;
}

const redacted = "[redacted]";
/** Shorter ones would be found in ordinary words. */
const secretLengthMin = 3;

export function createOperatorLog(configuration: Configuration, host: string): OperatorLog {
  const logger = pino(
    { level: configuration.logLevel, base: { pid: process.pid, host } },
    pino.destination({ fd: 2, sync: true }),
  );
  const secrets = secretsOf(configuration);
  const safe = (text: string) =>
    secrets.reduce((masked, secret) => masked.replaceAll(secret, redacted), text);
  return {
    report: (level, actor, text) => logger[level]({ actor }, safe(text)),
    fatal: (text) => logger.fatal(safe(text)),
  };
}

/** A password may also stand in the address of the server. */
function secretsOf({ natsPassword, natsToken, natsUrl }: Configuration): string[] {
  const inAddress = [...natsUrl.matchAll(/\/\/([^@/\s]+)@/g)].flatMap(([, user = ""]) => [
    user,
    ...user.split(":").slice(1),
  ]);
  return [natsPassword, natsToken, ...inAddress]
    .filter((secret) => secret !== undefined)
    .filter((secret) => secret.length >= secretLengthMin);
}
