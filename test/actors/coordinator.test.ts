// What commands come to, whatever stands in the metadata store before them.
import { describe, expect, it } from "vitest";
import { collectionIdOf } from "../../src/actors/coordinator/commands.js";
import {
  type CollectionRecord,
  collectionKey,
  collectionRecord,
  droppedKey,
  encodeRecord,
  parseRecord,
} from "../../src/messages/records.js";
import { completeFields } from "../../src/rows/schema-rules.js";
import { Cluster, newCollectionOf, sessionTtlMs, smallCluster, statusOf } from "./cluster.js";

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
  const damaged = Buffer.from('{"version":2}');
  const made = smallCluster();
  if (before === null) return made;
  made.world.store(key, before === "damaged" ? damaged : encodeRecord(before));
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
