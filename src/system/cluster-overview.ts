// Asks a cluster, as any client would, what there is and how it is.
import { z } from "zod";
import { actorStatus, drainProgress, roles } from "../messages/records.js";
import type { NatsLink } from "./nats.js";

const hostOverview = z.object({
  host: z.string(),
  pid: z.number(),
  hostname: z.string(),
  roles: z.array(z.enum(roles)),
  startedAt: z.string(),
  /** Since it was last heard of. */
  silentMs: z.number(),
  actors: z.array(actorStatus),
  drain: drainProgress.nullable().default(null),
});

const clusterOverview = z.object({
  status: z.enum(["ok", "degraded"]),
  causes: z.array(z.string()),
  hosts: z.array(hostOverview),
});
export type ClusterOverview = z.infer<typeof clusterOverview>;

export type OverviewResult =
  | { ok: true; overview: ClusterOverview }
  | { ok: false; detail: string };

const timeoutMs = 5_000;

export async function readOverview(link: NatsLink): Promise<OverviewResult> {
  const result = await link.request("elanus.v1.sys.cluster", Buffer.from("{}"), { timeoutMs });
  if (result.kind === "no-responders") return { ok: false, detail: "no proxy answers" };
  if (result.kind !== "ok") return { ok: false, detail: `${result.kind} (${result.detail})` };
  const error = result.message.header("Nats-Service-Error");
  if (error !== undefined) return { ok: false, detail: error };
  const text = Buffer.from(result.message.body).toString("utf8");
  const parsed = clusterOverview.safeParse(JSON.parse(text));
  if (parsed.success) return { ok: true, overview: parsed.data };
  return { ok: false, detail: `an unknown answer: ${z.prettifyError(parsed.error)}` };
}
