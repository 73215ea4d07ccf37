// Prints the topology table of the README: who sends which message on which subject, who hears it.
import { pathToFileURL } from "node:url";
import { coordinator } from "../src/actors/coordinator.js";
import { dataWorker } from "../src/actors/data-worker.js";
import { indexWorker } from "../src/actors/index-worker.js";
import { proxy } from "../src/actors/proxy.js";
import { queryWorker } from "../src/actors/query-worker.js";
import { timestampOracle } from "../src/actors/timestamp-oracle.js";
import { type AnyDefinition, allMessages } from "../src/messages/catalogue.js";
import { hostMessages } from "../src/system/channel-actors.js";

interface Declared {
  readonly name: string;
  readonly accepts: readonly AnyDefinition[];
  readonly emits: readonly AnyDefinition[];
}

export const actors: readonly Declared[] = [
  proxy,
  coordinator,
  timestampOracle,
  queryWorker,
  dataWorker,
  indexWorker,
  hostMessages,
];

export interface TopologyRow {
  readonly kind: string;
  readonly subject: string;
  readonly durability: string;
  readonly senders: readonly string[];
  readonly receivers: readonly string[];
}

export function topology(): readonly TopologyRow[] {
  return allMessages.map(({ kind, subject, durability }) => ({
    kind,
    subject,
    durability,
    senders: namesOf(({ emits }) => emits, kind),
    receivers: namesOf(({ accepts }) => accepts, kind),
  }));
}

function namesOf(
  messagesOf: (actor: Declared) => readonly AnyDefinition[],
  kind: string,
): readonly string[] {
  return actors
    .filter((actor) => messagesOf(actor).some((m) => m.kind === kind))
    .map((a) => a.name);
}

/** As Markdown, one row a message. */
export function topologyTable(): string {
  const head = ["Message", "Subject", "Durability", "Sent by", "Received by"];
  const rows = topology().map(({ kind, subject, durability, senders, receivers }) => [
    `\`${kind}\``,
    `\`${subject}\``,
    durability,
    senders.join(", "),
    receivers.join(", "),
  ]);
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return lines.join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) console.log(topologyTable());
