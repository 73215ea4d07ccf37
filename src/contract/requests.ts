// The way of a client's request into a call: its subject, its body, its arguments.
import { z } from "zod";
import { subjectToken } from "../messages/define.js";
import { nameSchema } from "../rows/schema.js";
import type { ClientRequest } from "../system/client-request.js";
import { common } from "./arguments.js";
import { type Body, readBody } from "./body.js";
import {
  alterCollection,
  createCollection,
  describe,
  describeCollection,
  dropCollection,
  listCollections,
} from "./collection-requests.js";
import { type Refused, refused } from "./errors.js";
import { suggestion } from "./nearest.js";
import { type CallRead, commonOf, type Operation, operation, type Scope } from "./operation.js";
import { countRows, queryRows, searchRows } from "./read-requests.js";
import { deleteRows, flush, insert, upsert } from "./write-requests.js";

const systemDatabase = "sys";

/** `elanus.v1.sys.<operation>` */
const systemOperations: ReadonlyMap<string, Operation> = new Map([
  ["health", systemOperation("health")],
  ["cluster", systemOperation("cluster")],
  ["drain", drainOperation()],
]);

/** `elanus.v1.<database>.<operation>` */
const databaseOperations: ReadonlyMap<string, Operation> = new Map([
  ["create-collection", createCollection],
  ["list-collections", listCollections],
  ["describe-collection", describeCollection],
  ["drop-collection", dropCollection],
  ["alter-collection", alterCollection],
]);

/** `elanus.v1.<database>.<collection>.<operation>` */
const collectionOperations: ReadonlyMap<string, Operation> = new Map([
  ["insert", insert],
  ["upsert", upsert],
  ["delete", deleteRows],
  ["search", searchRows],
  ["query", queryRows],
  ["count", countRows],
  ["flush", flush],
  ["describe", describe],
]);

/** Never throws, whatever the bytes are. */
export function parseRequest(request: ClientRequest): CallRead {
  const route = routeOf(request.subject);
  if (!route.ok) return route;
  const read = readBody(request);
  if (!read.ok) return read;
  return partitionsRefused(read.body) ?? route.operation(read.body, route.scope);
}

type Route = { readonly ok: true; operation: Operation; scope: Scope } | Refused;

function routeOf(subject: readonly string[]): Route {
  const [database = "", second = "", third] = subject;
  if (subject.length < 2 || subject.length > 3) {
    const hint =
      "elanus.v1.<database>.<operation> or elanus.v1.<database>.<collection>.<operation>";
    return refused("unknown-operation", `'${subject.join(".")}' is no operation`, hint);
  }
  if (database === systemDatabase) return systemRoute(subject);
  const misnamed = nameProblem("database", database);
  if (misnamed !== null) return misnamed;
  if (third === undefined) {
    return known(databaseOperations, second, { database, collection: "" });
  }
  return (
    nameProblem("collection", second) ??
    known(collectionOperations, third, { database, collection: second })
  );
}

function systemRoute(subject: readonly string[]): Route {
  if (subject.length === 2) {
    return known(systemOperations, subject[1] ?? "", { database: systemDatabase, collection: "" });
  }
  const hint = `take another name, '${systemDatabase}' is where health and cluster answer`;
  return refused("invalid-name", `'${systemDatabase}' is no database`, hint);
}

function known(operations: ReadonlyMap<string, Operation>, name: string, scope: Scope): Route {
  const found = operations.get(name);
  if (found !== undefined) return { ok: true, operation: found, scope };
  const hint = suggestion(name, [...operations.keys()]);
  return refused("unknown-operation", `there is no operation '${name}'`, hint);
}

function nameProblem(what: string, name: string): Refused | null {
  const parsed = nameSchema.safeParse(name);
  if (parsed.success) return null;
  const reason = parsed.error.issues[0]?.message;
  return refused("invalid-name", `'${name}' is no name for a ${what}`, reason);
}

/** Named before they exist, so that a client does not take an answer over all rows for one. */
function partitionsRefused(body: Body): Refused | null {
  for (const name of ["partitions", "partition"]) {
    if (!Object.hasOwn(body, name)) continue;
    const hint = "a field of your own and a filter on it do the same";
    return refused("not-available", `'${name}': partitions are not available yet`, hint);
  }
  return null;
}

function systemOperation(name: "health" | "cluster"): Operation {
  return operation(z.strictObject(common), (given) => ({
    ok: true,
    call: { operation: name, ...commonOf(given) },
  }));
}

/** `undo` takes an earlier one back; `stop` also ends the process, once nothing is left on it. */
function drainOperation(): Operation {
  const flags = { undo: z.boolean().default(false), stop: z.boolean().default(false) };
  const schema = z
    .strictObject({ ...common, host: subjectToken, ...flags })
    .refine(({ undo, stop }) => !(undo && stop), "'undo' and 'stop' exclude each other");
  return operation(schema, ({ host, undo, stop, ...given }) => ({
    ok: true,
    call: { operation: "drain", host, draining: !undo, stops: stop, ...commonOf(given) },
  }));
}
