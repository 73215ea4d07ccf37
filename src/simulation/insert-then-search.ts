// The shortest story there is: a collection, an insert and a search, without chance or faults.
import { Auditor } from "./auditor.js";
import { read, write } from "./client.js";
import { Gateway } from "./gateway.js";
import { startHosts } from "./membership.js";
import { Stepper } from "./run-seed.js";
import type { RunningActor } from "./running-actor.js";
import { calmScenario } from "./scenario.js";
import { createTrace } from "./trace.js";
import { collection, Workload } from "./workload.js";
import { World } from "./world.js";

const vector = [1, 2];
const rows = [
  { id: 1, n: 1, g: 0, v: vector },
  { id: 2, n: 2, g: 0, v: [3, 4] },
];

/** Messages only, a line each, with names in the place of generated ids. */
export async function traceOfInsertThenSearch(): Promise<string[]> {
  const trace = createTrace(true);
  const auditor = new Auditor();
  const world = new World(calmScenario(1), trace, null, auditor);
  auditor.watch(world);
  const gateway = new Gateway(world);
  const run = new Stepper(world);
  startHosts(world);
  await run.for(100);
  let isDone = false;
  const tools = { world, gateway };
  const search = () => {
    const asked = { kind: "search", vector, limit: 2, test: null, filter: null } as const;
    const sent = { maxAgeMs: 0, session: null, asOfToken: null, asOfMs: null };
    read(tools, collection, asked, { body: {}, sent }, () => {
      isDone = true;
    });
  };
  const part = { requestId: "q-1", part: 0, content: { kind: "insert", rows } as const };
  const insert = () => write(tools, collection, part, () => world.after(100, search));
  new Workload(tools).create(() => world.after(2_000, insert));
  while (!isDone) await run.for(10);
  if (auditor.violations.length > 0) throw new Error(auditor.violations[0]?.text);
  return readable(trace.lines, [...world.hosts.flatMap(({ actors }) => [...actors.values()])]);
}

/** What is sent, and what comes of it; timers and stores are left out. */
function readable(lines: readonly string[], actors: readonly RunningActor[]): string[] {
  const names = new Map(
    actors.map(({ incarnation, definition }) => [incarnation, definition.name]),
  );
  const channel = actors.flatMap(({ name }) => name.split(" ")[1] ?? [])[0] ?? "";
  const id = channel.slice(0, channel.lastIndexOf("-"));
  return lines
    .map((line) => {
      let text = line.replace(/^\w+\/([a-z-]+)(?: [\w-]+)? (->|<-) /, "$1 $2 ");
      for (const [incarnation, name] of names) text = text.replaceAll(incarnation, name);
      text = text.replaceAll(channel, "c0").replaceAll(id, "c");
      return text.replace(/^oracle /, "timestamp-oracle ").replace(/^index /, "index-worker ");
    })
    .filter((text) =>
      /^[a-z-]+ (->|<-) (client|Appended|wal|query|reply|command|control|task)\b/.test(text),
    );
}
