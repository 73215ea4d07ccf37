// A small cluster for one planted bug, and what the trial does to it: each write is in the ledger.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ElanusClient } from "../../../src/client/connect.js";
import { connectNats, type NatsLink } from "../../../src/system/nats.js";
import { type Cluster, startCluster } from "../../cluster/cluster.js";
import type { HostPlan } from "../../cluster/host-process.js";
import { type ChaosCollection, typedClient } from "../chaos-client.js";
import { checkRows } from "../check-rows.js";
import { scan } from "../final-audit.js";
import { type CollectionSettings, createCollections } from "../load.js";
import { asJson } from "../raw-client.js";
import { type ChaosRow, rowOf } from "../rows.js";
import { RunState } from "../run-state.js";
import { startTcpProxy, type TcpProxy } from "../tcp-proxy.js";

export interface StagePlan {
  readonly hosts: readonly HostPlan[];
  /** Of the hosts above, one that reaches NATS through a proxy, to be cut off. */
  readonly proxied?: string;
  readonly collections: CollectionSettings;
  readonly environment: NodeJS.ProcessEnv;
}

type Body = Readonly<Record<string, unknown>>;

export const owner = 1;
const timeoutMs = 60_000;
/** All but the id by which the broker would know a message again. */
const repeatedHeaders = ["Elanus-Kind", "Elanus-Version", "Elanus-Stamp", "Elanus-Request"];
const servedWithinMs = 45_000;
const hostScript = fileURLToPath(new URL("../altered-host.js", import.meta.url));

export class Stage {
  readonly state = new RunState();
  readonly cluster: Cluster;
  readonly directory: string;
  readonly client: ElanusClient;
  /** Never reads: a session that was told wrongly would wait for ever. */
  readonly keyed: ChaosCollection;
  readonly auto: ChaosCollection;
  readonly #link: NatsLink;
  readonly #proxy: TcpProxy | null;
  #keys = 0;

  private constructor(
    parts: { cluster: Cluster; directory: string; link: NatsLink; proxy: TcpProxy | null },
    client: ElanusClient,
  ) {
    this.cluster = parts.cluster;
    this.directory = parts.directory;
    this.client = client;
    this.#link = parts.link;
    this.#proxy = parts.proxy;
    this.keyed = typedClient(client).collection("keyed");
    this.auto = typedClient(client).collection("auto");
  }

  static async open({ hosts, proxied, collections, environment }: StagePlan): Promise<Stage> {
    const directory = mkdtempSync(join(tmpdir(), "elanus-planted-"));
    const cluster = await startCluster({
      ...{ profile: "embedded", directory, hostScript },
      hosts: hosts.filter(({ name }) => name !== proxied),
      environment: { ELANUS_SESSION_TTL_MS: "3000", ...environment },
    });
    const url = cluster.natsUrl;
    const port = Number(new URL(url).port);
    const behind = hosts.find(({ name }) => name === proxied);
    const proxy = behind === undefined ? null : await startTcpProxy({ host: "127.0.0.1", port });
    if (behind !== undefined) {
      await cluster.addHost({ ...behind, natsUrl: `nats://127.0.0.1:${proxy?.port}` });
    }
    const client = await cluster.connect({ timeoutMs });
    await createCollections(client, collections);
    await cluster.untilReady();
    const link = await connectNats({ servers: url, name: "planted", waitForServer: false });
    return new Stage({ cluster, directory, link, proxy }, client);
  }

  async close(): Promise<void> {
    await this.#link.close();
    // Nothing of them is needed any more.
    await Promise.all(this.cluster.hosts.map((host) => host.kill()));
    await this.cluster.stop();
    await this.#proxy?.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** That nobody has used. */
  newKeys(count: number): readonly number[] {
    this.#keys += count;
    return Array.from({ length: count }, (_, at) => this.#keys - count + at);
  }

  /** The write's number, whatever came of it. */
  async upsert(
    keys: readonly number[],
    send = (rows: readonly ChaosRow[], requestId: string) => this.keyed.upsert(rows, requestId),
  ): Promise<number> {
    const number = this.state.nextWrite();
    const rows = keys.map((key) => rowOf(key, owner, number, true));
    const given = { ...{ number, owner, keys }, kind: "upsert" } as const;
    await this.state.write(this.state.keyed, given, (requestId) => send(rows, requestId));
    return number;
  }

  async delete(keys: readonly number[]): Promise<void> {
    const given = { number: this.state.nextWrite(), owner, kind: "delete-ids", keys } as const;
    await this.state.write(this.state.keyed, given, (requestId) =>
      this.keyed.deleteIds(keys.map(String), requestId),
    );
  }

  /** One attempt of a write of `keyed`, by a client of its own; whether it was acknowledged. */
  async attempt(operation: string, body: Body, attemptMs = timeoutMs): Promise<boolean> {
    const bytes = Buffer.from(JSON.stringify({ ...body, timeoutMs: attemptMs }));
    const headers = { "Content-Type": "application/json" };
    const subject = `elanus.v1.default.keyed.${operation}`;
    const result = await this.#link.request(subject, bytes, { headers, timeoutMs: attemptMs });
    if (result.kind !== "ok") return false;
    return result.message.header("Nats-Service-Error-Code") === undefined;
  }

  /** Begins to keep the messages of this subject; what it returns publishes them once more. */
  tap(subject: string): () => void {
    const kept: { readonly body: Uint8Array; readonly headers: Record<string, string> }[] = [];
    const tapped = this.#link.subscribe(subject, ({ body, header }) => {
      const headers = repeatedHeaders.flatMap((name) => {
        const value = header(name);
        return value === undefined ? [] : [[name, value]];
      });
      kept.push({ body, headers: Object.fromEntries(headers) });
    });
    return () => {
      tapped.close();
      for (const { body, headers } of kept) this.#link.publish(subject, body, { headers });
    };
  }

  attemptUpsert(rows: readonly ChaosRow[], request: Body, attemptMs?: number): Promise<boolean> {
    return this.attempt("upsert", { ...request, rows: rows.map(asJson) }, attemptMs);
  }

  async flush(): Promise<void> {
    await this.state.read("flush", () => this.keyed.flush());
  }

  /** How many the last manifest has. */
  async segments(): Promise<number> {
    const { channels } = await this.client.describeCollection("keyed");
    return channels.reduce((sum, channel) => sum + channel.segments, 0);
  }

  restart(...names: readonly string[]): Promise<unknown> {
    return Promise.all(names.map((name) => this.cluster.host(name).restart()));
  }

  cut(): void {
    this.#proxy?.cut("up");
  }

  heal(): void {
    this.#proxy?.heal();
  }

  /** Reads everything by a session of its own; throws when nobody answers. */
  async audit(of: "keyed" | "auto" = "keyed"): Promise<void> {
    const client = await this.cluster.connect({ timeoutMs });
    const collection = typedClient(client).collection(of);
    const { [of]: ledger, findings } = this.state;
    const { keys } = ledger;
    const at = this.state.now();
    const unserved = delay(servedWithinMs, null, { ref: false });
    const rows = await Promise.race([scan(collection), unserved]);
    await client.close();
    if (rows === null) throw new Error(`strong reads were not answered for ${servedWithinMs} ms`);
    const window = { floor: at, until: at };
    checkRows(ledger, findings, { rows, keys }, { what: "scan", isFinal: true, window });
  }
}
