// The last word of a run: every row of every collection, its counts, reads by ids, exact searches.
import { createRandom } from "../../src/simulation/random.js";
import type { ChaosClient, ChaosCollection } from "./chaos-client.js";
import { checkCount, checkSearch } from "./check-amounts.js";
import { checkRows, type Reading } from "./check-rows.js";
import type { Ledger } from "./ledger.js";
import { dimension, type ShownRow } from "./rows.js";
import type { RunState } from "./run-state.js";

const pageRows = 4_000;
const idsOfRead = 200;
const idReads = 5;
const searches = 40;
const consistency = "strong";

/** Nobody writes any more. Rejects when the cluster does not answer; returns the rows it saw. */
export async function auditAll(state: RunState, client: ChaosClient): Promise<number> {
  let rows = 0;
  for (const ledger of [state.keyed, state.auto]) rows += await auditOne(state, ledger, client);
  return rows;
}

async function auditOne(state: RunState, ledger: Ledger, client: ChaosClient): Promise<number> {
  const { findings } = state;
  const collection = client.collection(ledger.collection);
  const { keys } = ledger;
  const at = state.now();
  const reading = (what: string): Reading => ({
    what: `final ${what}`,
    isFinal: true,
    window: { floor: at, until: at },
  });
  const rows = await scan(collection);
  checkRows(ledger, findings, { rows, keys }, reading("scan"));
  const count = await collection.count({ consistency });
  checkCount(ledger, findings, count, keys, reading("count"));
  if (count !== rows.length) {
    const text = `final: a count of ${count} where a scan shows ${rows.length} rows`;
    findings.add("partial", ledger, null, text);
  }
  await readByIds(ledger, collection, (shown, asked) =>
    checkRows(ledger, findings, { rows: shown, keys: asked }, reading("read by ids")),
  );
  const random = createRandom(keys.length);
  for (let search = 0; search < searches; search++) {
    const vector = Float32Array.from({ length: dimension }, () => random.below(16));
    const asked = { vector, limit: 20, exact: true, consistency } as const;
    const hits = await collection.search(asked);
    checkSearch(ledger, findings, hits, { ...asked, keys }, reading("search"));
  }
  return rows.length;
}

/** All rows, by ascending id. */
export async function scan(collection: ChaosCollection): Promise<readonly ShownRow[]> {
  const rows: ShownRow[] = [];
  let from = -(2n ** 62n);
  for (;;) {
    const page = await collection.query({ filter: `id > ${from}`, limit: pageRows, consistency });
    rows.push(...page);
    if (page.length < pageRows) return rows;
    from = BigInt(page.at(-1)?.id ?? 0);
  }
}

/** Only keys whose id is known: what was never acknowledged has none that one could ask for. */
async function readByIds(
  ledger: Ledger,
  collection: ChaosCollection,
  check: (rows: readonly ShownRow[], keys: readonly number[]) => void,
): Promise<void> {
  const isAuto = ledger.collection === "auto";
  const known = isAuto ? ledger.keys.filter((key) => ledger.idOf(key) !== undefined) : ledger.keys;
  const step = Math.max(1, Math.floor(known.length / (idReads * idsOfRead)));
  const sample = known.filter((_, place) => place % step === 0);
  for (let read = 0; read < idReads; read++) {
    const keys = sample.slice(read * idsOfRead, (read + 1) * idsOfRead);
    if (keys.length === 0) return;
    const ids = keys.map((key) => ledger.idOf(key) ?? String(key));
    check(await collection.query({ ids, consistency }), keys);
  }
}
