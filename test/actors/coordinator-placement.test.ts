// Where channels are placed as hosts come and go, and what is swept away behind them.
import { describe, expect, it } from "vitest";
import { collectionIdOf } from "../../src/actors/coordinator/commands.js";
import {
  assignmentKey,
  collectionKey,
  encodeRecord,
  sessionKey,
} from "../../src/messages/records.js";
import { Cluster, newCollectionOf, sessionTtlMs, smallCluster, statusOf } from "./cluster.js";

const id = collectionIdOf("r1", "db", "docs");

describe("placement", () => {
  const holders = (made: Cluster) => made.assignments().map(({ data, query }) => [data, ...query]);

  it("replaces a host that was silent for a TTL, and says what is missing", () => {
    const made = smallCluster();
    made.create("r1", newCollectionOf({ shards: 4 }));
    made.world.run(100);
    expect(made.assignments().map(({ query }) => [...query].sort())).toEqual(
      Array.from({ length: 4 }, () => ["h1", "h2"]),
    );
    const [lost] = made.hosts;
    if (lost) lost.isAlive = false;
    made.world.run(2 * sessionTtlMs);
    expect(holders(made)).toEqual(Array.from({ length: 4 }, () => ["h2", "h2"]));
    expect(statusOf(made).cause).toBe("hosts with the role query: 2 wanted, 1 live");
    made.addHost("h3");
    made.world.run(2 * sessionTtlMs);
    expect(statusOf(made).cause).toBe(null);
    expect(made.assignments().map(({ query }) => [...query].sort())).toEqual(
      Array.from({ length: 4 }, () => ["h2", "h3"]),
    );
    expect(made.assignments().filter(({ data }) => data === "h3").length).toBe(1);
  });

  it("lets a query host go only when its successor serves", () => {
    const made = new Cluster({ random: () => 0 });
    made.addHost("h1");
    made.addCoordinator("a");
    made.create("r1", newCollectionOf({ shards: 8, replicas: 1 }));
    made.world.run(2 * sessionTtlMs);
    made.addHost("h2").serves = false;
    made.world.run(2 * sessionTtlMs);
    const both = () => made.assignments().filter(({ query }) => query.length === 2).length;
    expect(both()).toBe(3);
    expect(made.assignments().every(({ query }) => query.includes("h1"))).toBe(true);
    for (const host of made.hosts) host.serves = true;
    made.world.run(2 * sessionTtlMs);
    expect(both()).toBe(0);
    expect(made.assignments().filter(({ query }) => query.includes("h2")).length).toBe(3);
  });

  it("waits for the first host of a role", () => {
    const made = new Cluster({ random: () => 0 });
    made.addCoordinator("a");
    made.create("r1");
    made.world.run(100);
    expect(made.answers("r1")).toEqual([id]);
    expect(holders(made)).toEqual([[null], [null]]);
    expect(statusOf(made).cause).toBe("hosts with the role data: 1 wanted, 0 live");
    made.addHost("h1");
    made.world.run(sessionTtlMs);
    expect(holders(made)).toEqual([
      ["h1", "h1"],
      ["h1", "h1"],
    ]);
  });

  it("follows a change of replicas", () => {
    const made = smallCluster();
    made.create("r1", newCollectionOf({ replicas: 1 }));
    made.world.run(100);
    made.alter("r2", id, { replicas: 2 });
    made.world.run(2 * sessionTtlMs);
    expect(made.assignments().map(({ query }) => query.length)).toEqual([2, 2]);
    made.alter("r3", id, { replicas: 1 });
    made.world.run(2 * sessionTtlMs);
    expect(made.assignments().map(({ query }) => query.length)).toEqual([1, 1]);
  });

  it("writes nothing and announces nothing while nothing changes", () => {
    const made = smallCluster();
    made.create("r1");
    made.world.run(5 * sessionTtlMs);
    const before = made.world.published.length;
    const revisions = () =>
      made
        .assignments()
        .map(({ channel }) => made.world.metadata.get(assignmentKey(channel))?.revision);
    const then = revisions();
    made.world.run(600_000);
    expect(made.world.published.length).toBe(before);
    expect(revisions()).toEqual(then);
  });

  it("repairs what an operator has deleted or spoilt", () => {
    const made = smallCluster();
    made.create("r1");
    made.world.run(100);
    made.world.metadata.delete(assignmentKey(`${id}-0`));
    made.world.store(assignmentKey(`${id}-1`), Buffer.from("{"));
    const stray = { version: 1, channel: "x-0", collectionId: "x", collectionKey: "x" };
    made.world.store(assignmentKey("x-0"), encodeRecord({ ...stray, data: null, query: [] }));
    made.world.run(70_000);
    expect(
      made
        .assignments()
        .map(({ channel }) => channel)
        .sort(),
    ).toEqual([`${id}-0`, `${id}-1`]);
    expect(made.missing()).toEqual([]);
  });
});

describe("the sweep", () => {
  it("deletes objects of ids that no record names, when they are found twice an hour apart", () => {
    const made = smallCluster();
    made.create("r1");
    made.world.run(100);
    const kept = `${id}/${id}-0/segments/s1.arrow`;
    for (const object of [kept, "gone/gone-0/segments/s1.arrow"]) {
      made.world.objects.set(object, new Uint8Array(1));
    }
    made.world.run(3_600_000);
    expect(made.world.objects.size).toBe(2);
    made.world.run(60_000);
    expect([...made.world.objects.keys()]).toEqual([kept]);
  });

  it("deletes nothing while a record cannot be read", () => {
    const made = smallCluster();
    made.world.store(collectionKey("db", "docs"), Buffer.from('{"version":2}'));
    made.world.objects.set("gone/gone-0/segments/s1.arrow", new Uint8Array(1));
    made.world.run(3 * 3_600_000);
    expect(made.world.objects.size).toBe(1);
    expect(statusOf(made).cause).toMatch(/collections\.db\.docs/);
  });

  it("forgets the sessions of hosts that have been silent for six TTLs", () => {
    const made = smallCluster();
    made.world.run(10);
    for (const host of made.hosts) host.isAlive = false;
    made.world.run(4 * sessionTtlMs);
    expect(made.world.metadata.has(sessionKey("h1"))).toBe(true);
    made.world.run(20 * sessionTtlMs);
    expect(made.world.metadata.has(sessionKey("h1"))).toBe(false);
  });
});

describe("the sweep of objects", () => {
  const object = "0123456789ab/0/segments/a";

  function withObject(made: Cluster): Cluster {
    made.world.objects.set(object, new Uint8Array(1));
    made.world.run(3 * 3_600_000);
    return made;
  }

  it("removes what no record names, but nothing while there is no record at all", () => {
    const made = smallCluster();
    made.create("r1");
    made.world.run(100);
    expect(withObject(made).world.objects.has(object)).toBe(false);
    expect(withObject(smallCluster()).world.objects.has(object)).toBe(true);
  });
});

describe("the sweep of logs", () => {
  const orphan = "0123456789ab-0";

  function withOrphan(): Cluster {
    const made = smallCluster();
    made.create("r1");
    made.world.run(100);
    for (const channel of [orphan, "anothers"]) made.world.channels.add(channel);
    return made;
  }

  it("removes those of ids that no record names, found twice an hour apart, and no other", () => {
    const made = withOrphan();
    made.world.run(3_600_000);
    expect(made.world.channels.has(orphan)).toBe(true);
    made.world.run(60_000);
    expect([...made.world.channels].sort()).toEqual([`${id}-0`, `${id}-1`, "anothers"].sort());
  });

  it("removes none while a record cannot be read, or while there is none at all", () => {
    const unread = withOrphan();
    unread.world.store(collectionKey("db", "more"), Buffer.from('{"version":2}'));
    unread.world.run(3 * 3_600_000);
    expect(unread.world.channels.has(orphan)).toBe(true);
    const empty = smallCluster();
    empty.world.channels.add(orphan);
    empty.world.run(3 * 3_600_000);
    expect(empty.world.channels.has(orphan)).toBe(true);
  });

  it("keeps the log of a collection that was made between the two lists", () => {
    const made = withOrphan();
    made.world.run(3_600_000 - 60_000);
    const late = collectionIdOf("r2", "db", "late");
    made.world.channels.add(`${late}-0`);
    made.world.delayOf = ({ kind }) => (kind === "listChannels" ? 30_000 : 0);
    made.world.run(120_000);
    made.create("r2", newCollectionOf({ name: "late" }));
    made.world.run(2 * 3_600_000);
    expect(made.missing()).toEqual([]);
    expect(made.world.channels.has(`${late}-0`)).toBe(true);
  });
});
