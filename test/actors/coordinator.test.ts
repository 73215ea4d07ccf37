// What commands come to, whatever stands in the metadata store before them.
import { describe, expect, it } from "vitest";
import { collectionIdOf } from "../../src/actors/coordinator/commands.js";
import { coordinator } from "../../src/actors/coordinator.js";
import {
  assignmentKey,
  type CollectionRecord,
  collectionKey,
  collectionRecord,
  droppedKey,
  encodeRecord,
  parseRecord,
  sessionKey,
} from "../../src/messages/records.js";
import { completeFields } from "../../src/rows/schema-rules.js";
import { rootKey } from "../../src/storage/manifest.js";
import { Cluster, newCollectionOf, sessionTtlMs } from "./cluster.js";

const ownId = collectionIdOf("r1", "db", "docs");
const key = collectionKey("db", "docs");

function recordOf(collectionId: string, state: CollectionRecord["state"]): CollectionRecord {
  const { dynamicFields, consistency, asOfWindowMs, thresholds, ...asked } = newCollectionOf();
  const fields = completeFields(asked.fields);
  return {
    ...{ version: 1, collectionId, database: "db", name: "docs", state, fields, dynamicFields },
    channels: [`${collectionId}-0`],
    settings: { replicas: 1, consistency, asOfWindowMs, thresholds },
    request: "earlier",
    createdAtMs: 0,
  };
}

function cluster(before: CollectionRecord | "damaged" | null = null): Cluster {
  const made = new Cluster({ random: () => 0 });
  made.addHost("h1");
  made.addHost("h2");
  const damaged = Buffer.from('{"version":2}');
  if (before !== null) {
    made.world.store(key, before === "damaged" ? damaged : encodeRecord(before));
  }
  made.addCoordinator("a");
  return made;
}

const commands = {
  create: (made: Cluster) => made.create("r1"),
  createExpired: (made: Cluster) => made.create("r1", newCollectionOf(), 1),
  drop: (made: Cluster) => made.drop("r1", "c1"),
  dropExpired: (made: Cluster) => made.drop("r1", "c1", 1),
  alter: (made: Cluster) => made.alter("r1", "c1", { replicas: 2 }),
};
const befores = {
  nothing: null,
  "own, creating": recordOf(ownId, "creating"),
  "own, ready": recordOf(ownId, "ready"),
  "own, dropping": recordOf(ownId, "dropping"),
  "c1, creating": recordOf("c1", "creating"),
  "c1, ready": recordOf("c1", "ready"),
  "c1, dropping": recordOf("c1", "dropping"),
  "a damaged record": "damaged" as const,
};
const id = ownId;
const [exists, unknown] = ["collection-exists", "collection-not-found"];

const expired = (collection: string | null) => ({
  createExpired: [null, collection] as const,
  dropExpired: [null, collection] as const,
});

/** The answer (null: none) and the collection's id and state in the end (null: none). */
const table: Record<
  keyof typeof befores,
  Record<keyof typeof commands, readonly [string | null, string | null]>
> = {
  nothing: {
    create: [id, `${id} ready`],
    drop: [unknown, null],
    alter: [unknown, null],
    ...expired(null),
  },
  "own, creating": {
    create: [id, `${id} ready`],
    drop: [unknown, `${id} ready`],
    alter: [unknown, `${id} ready`],
    ...expired(`${id} ready`),
  },
  "own, ready": {
    create: [id, `${id} ready`],
    drop: [unknown, `${id} ready`],
    alter: [unknown, `${id} ready`],
    ...expired(`${id} ready`),
  },
  "own, dropping": {
    create: [unknown, null],
    drop: [unknown, null],
    alter: [unknown, null],
    ...expired(null),
  },
  "c1, creating": {
    create: [exists, "c1 ready"],
    drop: ["c1", null],
    alter: ["c1", "c1 ready"],
    ...expired("c1 ready"),
  },
  "c1, ready": {
    create: [exists, "c1 ready"],
    drop: ["c1", null],
    alter: ["c1", "c1 ready"],
    ...expired("c1 ready"),
  },
  "c1, dropping": {
    create: [id, `${id} ready`],
    // The drop that began it was another request's: this one has found nothing to drop.
    drop: [unknown, null],
    alter: [unknown, null],
    ...expired(null),
  },
  "a damaged record": {
    create: ["internal", "damaged"],
    drop: ["internal", "damaged"],
    alter: ["internal", "damaged"],
    ...expired("damaged"),
  },
};

describe("the table of commands and records", () => {
  for (const [before, row] of Object.entries(table)) {
    for (const [command, [answer, end]] of Object.entries(row)) {
      it(`${command}; ${before}`, () => {
        const made = cluster(befores[before as keyof typeof befores]);
        commands[command as keyof typeof commands](made);
        made.world.run(100);
        expect(made.answers("r1")).toEqual(answer === null ? [] : [answer]);
        expect(made.world.queue.size).toBe(0);
        expect(stateOf(made)).toBe(end);
      });
    }
  }
});

function stateOf(made: Cluster): string | null {
  const stored = made.world.metadata.get(key);
  if (stored === undefined) return null;
  const parsed = parseRecord(collectionRecord, stored.value);
  return parsed.ok ? `${parsed.record.collectionId} ${parsed.record.state}` : "damaged";
}

function statusOf(made: Cluster) {
  const [node] = made.world.nodes;
  return coordinator.status(node?.state as never, made.world.now());
}

describe("a creation", () => {
  it("makes streams and roots before assignments, says 'ready' last, and then announces", () => {
    const made = cluster();
    const writes: string[] = [];
    made.world.onPerform = (effect) => {
      if (effect.kind === "createChannel") writes.push(effect.kind);
      if (effect.kind === "writeMetadata") writes.push(effect.key.split(".")[0] as string);
      if (effect.kind === "publish") writes.push(effect.message.kind);
      if (effect.kind === "acknowledge") writes.push(effect.kind);
    };
    made.world.run(1);
    writes.length = 0;
    made.create("r1");
    made.world.run(1);
    expect(writes).toEqual([
      ...["collections", "CollectionChanged", "createChannel", "createChannel", "roots", "roots"],
      ...["assignments", "assignments", "collections", "AssignmentsChanged", "CollectionChanged"],
      ...["CollectionReply", "acknowledge"],
    ]);
  });

  it("records the defaults, and as many replicas as query hosts live, two at most", () => {
    const made = cluster();
    made.create("r1");
    made.world.run(10);
    expect(made.record()?.settings.replicas).toBe(2);
    expect(made.record()?.fields[1]).toMatchObject({ maxLength: 65_535 });
    expect(made.record()?.fields[2]).toMatchObject({ metric: "COSINE", index: { M: 16 } });
    expect(made.record()?.channels).toEqual([`${id}-0`, `${id}-1`]);
    const lonely = new Cluster({ random: () => 0 });
    lonely.addCoordinator("a");
    lonely.create("r1");
    lonely.world.run(10);
    expect(lonely.record()?.settings.replicas).toBe(1);
  });

  it("refuses a schema that cannot be, and leaves nothing", () => {
    const made = cluster();
    const { fields } = newCollectionOf();
    made.create("r1", newCollectionOf({ fields: fields.slice(0, 1) }));
    made.world.run(10);
    expect(made.answers("r1")).toEqual(["invalid-schema"]);
    expect(made.record()).toBe(null);
    expect(made.world.channels.size).toBe(0);
  });

  it("tells its client what is in the way, and goes on", () => {
    const made = cluster();
    made.world.run(10);
    made.world.failing = (effect) => effect.kind === "createChannel";
    made.create("r1");
    made.world.run(4 * sessionTtlMs);
    expect(made.answers("r1")).toEqual(["unavailable"]);
    expect(statusOf(made).cause).toMatch(/creating 'docs': the store is away/);
    made.world.failing = () => false;
    made.world.run(sessionTtlMs);
    expect(stateOf(made)).toBe(`${id} ready`);
    expect(statusOf(made).cause).toBe(null);
  });

  it("that cannot be finished can be dropped", () => {
    const made = cluster();
    made.world.run(10);
    made.world.failing = (effect) => effect.kind === "createChannel";
    made.create("r1");
    made.world.run(sessionTtlMs);
    made.drop("r2", id);
    made.world.run(sessionTtlMs);
    expect(made.answers("r2")).toEqual([id]);
    expect(made.record()).toBe(null);
    expect(made.remains(id)).toEqual([]);
  });
});

describe("a drop", () => {
  it("leaves nothing but its mark, which goes when no command can be that old", () => {
    const made = cluster();
    made.create("r1");
    made.world.run(10);
    made.world.objects.set(`${id}/${id}-0/segments/s1.arrow`, new Uint8Array(1));
    made.drop("r2", id);
    made.world.run(100);
    expect(made.answers("r2")).toEqual([id]);
    expect(made.remains(id)).toEqual([]);
    expect(made.world.metadata.has(droppedKey(id))).toBe(true);
    made.world.run(2 * 3_600_000 + 60_000);
    expect(made.world.metadata.has(droppedKey(id))).toBe(false);
  });

  it("delivered again after the name was given to another leaves that alone", () => {
    const made = cluster();
    made.create("r1");
    made.world.run(10);
    made.drop("r2", id);
    made.world.run(10);
    made.create("r3");
    made.world.run(10);
    made.drop("r2", id);
    made.world.run(10);
    expect(made.answers("r2")).toEqual([id, id]);
    expect(stateOf(made)).toBe(`${collectionIdOf("r3", "db", "docs")} ready`);
  });

  it("is not undone by its collection's create, delivered once more", () => {
    const made = cluster();
    made.create("r1");
    made.world.run(10);
    made.drop("r2", id);
    made.world.run(10);
    made.create("r1");
    made.world.run(10);
    expect(made.answers("r1")).toEqual([id, unknown]);
    expect(made.record()).toBe(null);
  });
});

it("an alteration delivered again after a newer one does not bury that", () => {
  const made = cluster();
  made.create("r1");
  made.world.run(10);
  made.alter("r2", id, { replicas: 1 });
  made.alter("r3", id, { replicas: 2, asOfWindowMs: 7 });
  made.alter("r2", id, { replicas: 1 });
  made.world.run(100);
  expect(made.answers("r2")).toEqual([id, id]);
  expect(made.record()?.settings).toMatchObject({ replicas: 2, asOfWindowMs: 7 });
});

describe("what somebody else writes meanwhile", () => {
  /** Somebody writes `key` anew just before the first write to it that `happens` sees. */
  function intrude(made: Cluster, intruded: string, value: (before: Uint8Array) => Uint8Array) {
    let isDone = false;
    made.world.onPerform = (effect) => {
      if (isDone || effect.kind !== "writeMetadata" || effect.key !== intruded) return;
      isDone = true;
      const before = made.world.metadata.get(intruded)?.value ?? new Uint8Array();
      made.world.store(intruded, value(before));
    };
  }

  it("is read before the command is decided again", () => {
    const made = cluster();
    made.create("r1");
    made.world.run(10);
    intrude(made, key, (before) => {
      const record = JSON.parse(Buffer.from(before).toString());
      return encodeRecord({ ...record, settings: { ...record.settings, asOfWindowMs: 77 } });
    });
    made.alter("r2", id, { replicas: 1 });
    made.world.run(10);
    expect(made.answers("r2")).toEqual([id]);
    expect(made.record()?.settings).toMatchObject({ replicas: 1, asOfWindowMs: 77 });
  });

  it("does not keep a root: a data worker may commit while its collection is dropped", () => {
    const made = cluster();
    made.create("r1");
    made.world.run(10);
    intrude(made, rootKey(`${id}-0`), (before) => Buffer.concat([before, Buffer.from(" ")]));
    made.drop("r2", id);
    made.world.run(10);
    expect(made.answers("r2")).toEqual([id]);
    expect(made.remains(id)).toEqual([]);
  });
});

it("a drop waits for the streams that are being made", () => {
  const made = new Cluster({ random: () => 0.5, latencyMsMax: 200 });
  made.addCoordinator("a");
  made.world.run(1_000);
  made.create("r1");
  let isSent = false;
  made.world.onPerform = ({ kind }) => {
    if (kind !== "createChannel" || isSent) return;
    isSent = true;
    made.drop("r2", id);
  };
  made.world.run(10_000);
  expect(made.answers("r2")).toEqual([id]);
  expect(made.remains(id)).toEqual([]);
});

it("a request id that is used for something else is another request", () => {
  const made = cluster();
  made.create("r1");
  made.world.run(10);
  made.alter("r1", id, { replicas: 1 });
  made.world.run(10);
  expect(made.record()?.settings.replicas).toBe(1);
  made.alter("r1", id, { asOfWindowMs: 5 });
  made.world.run(10);
  expect(made.record()?.settings).toMatchObject({ replicas: 1, asOfWindowMs: 5 });
  made.create("r1", newCollectionOf({ replicas: 5 }));
  made.world.run(10);
  const fields = newCollectionOf().fields.map((field) => ({ ...field, name: `${field.name}2` }));
  made.create("r1", newCollectionOf({ fields }));
  made.world.run(10);
  expect(made.answers("r1")).toEqual([id, id, id, id, exists]);
});

it("a stopped coordinator gives way at once, a silent one after its TTL", () => {
  const made = cluster();
  made.world.run(10);
  made.addCoordinator("b");
  made.world.run(10);
  const [first, second] = made.world.nodes;
  if (first === undefined || second === undefined) throw new Error("two coordinators");
  made.world.stop(first);
  made.world.run(sessionTtlMs / 2);
  made.create("r1");
  made.world.run(10);
  expect(made.answers("r1")).toEqual([id]);
  made.world.crash(first);
  made.world.start(first);
  made.world.run(sessionTtlMs);
  made.world.pause(second, 5 * sessionTtlMs);
  made.world.run(2 * sessionTtlMs);
  made.drop("r2", id);
  made.world.run(sessionTtlMs);
  expect(made.answers("r2")).toEqual([id]);
  made.world.run(10 * sessionTtlMs);
  expect(coordinator.status(first.state as never, made.world.now()).phase).toBe("leading");
  expect(coordinator.status(second.state as never, made.world.now()).phase).toBe("standby");
});

describe("placement", () => {
  const holders = (made: Cluster) => made.assignments().map(({ data, query }) => [data, ...query]);

  it("replaces a host that was silent for a TTL, and says what is missing", () => {
    const made = cluster();
    made.create("r1", newCollectionOf({ shards: 4 }));
    made.world.run(100);
    expect(made.assignments().map(({ query }) => [...query].sort())).toEqual(
      Array.from({ length: 4 }, () => ["h1", "h2"]),
    );
    const [lost] = made.hosts;
    if (lost) lost.isAlive = false;
    made.world.run(2 * sessionTtlMs);
    expect(holders(made)).toEqual(Array.from({ length: 4 }, () => ["h2", "h2"]));
    expect(statusOf(made).cause).toBe("2 hosts with the role query are wanted, 1 live");
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
    expect(statusOf(made).cause).toBe("1 hosts with the role data are wanted, 0 live");
    made.addHost("h1");
    made.world.run(sessionTtlMs);
    expect(holders(made)).toEqual([
      ["h1", "h1"],
      ["h1", "h1"],
    ]);
  });

  it("follows a change of replicas", () => {
    const made = cluster();
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
    const made = cluster();
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
    const made = cluster();
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
    const made = cluster();
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
    const made = cluster("damaged");
    made.world.objects.set("gone/gone-0/segments/s1.arrow", new Uint8Array(1));
    made.world.run(3 * 3_600_000);
    expect(made.world.objects.size).toBe(1);
    expect(statusOf(made).cause).toMatch(/collections\.db\.docs/);
  });

  it("forgets the sessions of hosts that were dead for an hour", () => {
    const made = cluster();
    made.world.run(10);
    for (const host of made.hosts) host.isAlive = false;
    made.world.run(3_600_000);
    expect(made.world.metadata.has(sessionKey("h1"))).toBe(true);
    made.world.run(2 * 3_600_000);
    expect(made.world.metadata.has(sessionKey("h1"))).toBe(false);
  });
});

it("keeps a command while it works on it", () => {
  const made = cluster();
  made.world.run(10);
  made.world.failing = (effect) => effect.kind === "createChannel";
  made.create("r1");
  made.world.run(5_900);
  made.world.failing = () => false;
  expect([...made.world.queue.values()].map((item) => item.deliveries)).toEqual([1]);
  made.world.run(sessionTtlMs);
  expect(made.answers("r1")).toEqual([id]);
});

it("takes no more commands than it can hold", () => {
  const made = cluster();
  made.world.run(10);
  made.world.failing = (effect) => effect.kind === "createChannel";
  for (let index = 0; index < 40; index++) {
    made.create(`r${index}`, newCollectionOf({ name: `c${index}` }));
  }
  made.world.run(6_000);
  expect(statusOf(made).figures.commands).toBe(16);
  made.world.failing = () => false;
  made.world.run(2 * sessionTtlMs);
  expect(made.world.queue.size).toBe(0);
  expect(made.world.channels.size).toBe(80);
});
