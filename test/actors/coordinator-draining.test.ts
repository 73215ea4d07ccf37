// A host that is to give away what it runs: its channels move first, and it is told so by record.
import { describe, expect, it } from "vitest";
import { collectionIdOf } from "../../src/actors/coordinator/commands.js";
import { DrainHost } from "../../src/messages/command.js";
import { HostChanged } from "../../src/messages/control.js";
import { decodeRecord, hostKey, hostRecord } from "../../src/messages/records.js";
import { type Cluster, newCollectionOf, sessionTtlMs, smallCluster } from "./cluster.js";

const id = collectionIdOf("r1", "db", "docs");

function drain(made: Cluster, request: string, host: string, more = {}): void {
  const fields = { proxy: "p", request, requestId: request, deadlineMs: Number.MAX_VALUE, host };
  made.world.enqueue(DrainHost.create({ ...fields, draining: true, stops: false, ...more }));
}

function answersTo(made: Cluster, request: string): (string | null)[] {
  return made.world.published.flatMap(({ message }) =>
    message.kind === "HostReply" && message.request === request
      ? [message.failure?.code ?? null]
      : [],
  );
}

function wishFor(made: Cluster, host: string) {
  const stored = made.world.metadata.get(hostKey(host));
  return stored === undefined ? null : decodeRecord(hostRecord, stored.value);
}

/** With a collection of two channels, each on both of the two hosts. */
function served(): Cluster {
  const made = smallCluster();
  made.create("r1", newCollectionOf({ replicas: 2 }));
  made.world.run(2 * sessionTtlMs);
  return made;
}

const queryHosts = (made: Cluster) => made.assignments().map(({ query }) => [...query].sort());
const dataHosts = (made: Cluster) => made.assignments().map(({ data }) => data);

describe("a host that is drained", () => {
  it("keeps a channel until its successor serves, and is given nothing", () => {
    const made = served();
    const h3 = made.addHost("h3");
    h3.serves = false;
    made.world.run(2 * sessionTtlMs);
    drain(made, "d1", "h1");
    made.world.run(2 * sessionTtlMs);
    expect(answersTo(made, "d1")).toEqual([null]);
    expect(dataHosts(made)).not.toContain("h1");
    for (const query of queryHosts(made)) expect(query).toEqual(["h1", "h2", "h3"]);
    h3.serves = true;
    made.world.run(2 * sessionTtlMs);
    for (const query of queryHosts(made)) expect(query).toEqual(["h2", "h3"]);
    made.create("r2", newCollectionOf({ name: "more", replicas: 2 }));
    made.world.run(2 * sessionTtlMs);
    expect(queryHosts(made).flat()).not.toContain("h1");
  });

  it("works again when that is undone, or when the run that was to end has ended", () => {
    const made = served();
    drain(made, "d1", "h1");
    made.world.run(sessionTtlMs);
    expect(wishFor(made, "h1")).toMatchObject({ draining: true, endsRun: null });
    drain(made, "d2", "h1", { draining: false });
    made.world.run(sessionTtlMs);
    expect(wishFor(made, "h1")).toBe(null);
    for (const query of queryHosts(made)) expect(query).toEqual(["h1", "h2"]);
    drain(made, "d3", "h1", { stops: true });
    made.world.run(sessionTtlMs);
    expect(wishFor(made, "h1")).toMatchObject({ draining: true, endsRun: 0 });
    expect(queryHosts(made).flat()).not.toContain("h1");
  });

  it("keeps what nobody else can take", () => {
    const made = served();
    drain(made, "d1", "h1");
    drain(made, "d2", "h2");
    made.world.run(3 * sessionTtlMs);
    expect(queryHosts(made).every((query) => query.length > 0)).toBe(true);
    expect(dataHosts(made).every((data) => data !== null)).toBe(true);
  });

  it("must be known; the same request may come again", () => {
    const made = served();
    drain(made, "d1", "h9");
    drain(made, "d2", "h1");
    made.world.run(100);
    drain(made, "d2", "h1");
    made.world.run(100);
    expect(answersTo(made, "d1")).toEqual(["host-not-found"]);
    expect(answersTo(made, "d2")).toEqual([null, null]);
    const told = made.world.published.filter(({ message }) => message.kind === HostChanged.kind);
    expect(told.length).toBeGreaterThan(0);
  });
});

it("replicas that are left open count a host that registered just before the request", () => {
  const made = smallCluster();
  made.hosts.pop();
  made.world.metadata.delete("sessions.h2");
  made.world.run(1_000);
  made.addHost("h2");
  made.create("r1");
  made.world.run(10);
  expect(made.answers("r1")).toEqual([id]);
  expect(made.record()?.settings.replicas).toBe(2);
});

it("what a host says of itself is looked at as soon as it has said so", () => {
  const made = served();
  made.addHost("h3");
  made.world.announce(HostChanged.create({ host: "h3" }));
  made.world.run(10);
  made.create("r3", newCollectionOf({ name: "more", replicas: 3 }));
  made.world.run(10);
  const more = made.assignments().filter(({ collectionKey }) => collectionKey.endsWith("more"));
  expect(more.map(({ query }) => [...query].sort())).toEqual([
    ["h1", "h2", "h3"],
    ["h1", "h2", "h3"],
  ]);
});

it("another coordinator takes over at once from one that was stopped", () => {
  const made = served();
  const second = made.addCoordinator("b");
  made.world.run(10);
  const [first] = made.world.nodes;
  if (first === undefined) throw new Error("no coordinator");
  made.world.stop(first);
  made.world.run(10);
  expect(second.actor.status(second.state, made.world.now()).phase).toBe("leading");
});
