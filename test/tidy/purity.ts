// Actors and messages are pure: no clock, no randomness, no environment, no I/O, nothing awaited.
import ts from "typescript";
import {
  builtinOf,
  type Finding,
  finding,
  type Import,
  importsOf,
  nodesOf,
  packageOf,
  type Source,
} from "./source.js";

const inAMessage = "time comes with the message: take it from `now` or from the body";
const asAnEffect = "ask for it with an effect (src/system/actor.ts) and fold its outcome";

/** What must not be named as a value, and what to do instead. */
const impureGlobals: Readonly<Record<string, string>> = {
  Date: inAMessage,
  performance: inAMessage,
  process: "the environment comes with the actor's settings",
  crypto: "derive ids from the message, or let its sender give one",
  setTimeout: "emit a `timer` effect",
  setInterval: "emit a `timer` effect again when it fired",
  setImmediate: "decide it when the next message comes",
  queueMicrotask: "decide it when the next message comes",
  console: "emit a `report` effect",
  fetch: asAnEffect,
  globalThis: "name what you need",
  global: "name what you need",
  require: "import it at the top",
  eval: "write it out",
  Promise: asAnEffect,
  WebSocket: asAnEffect,
  Worker: "emit a `compute` effect",
  Atomics: "only the host shares memory with threads",
};

/** Members that depend on their arguments alone, of names that are banned otherwise. */
const pureMembers: Readonly<Record<string, readonly string[]>> = { Date: ["parse", "UTC"] };
/** The only banned members, of names that are fine otherwise. */
const impureMembers: Readonly<Record<string, readonly string[]>> = { Math: ["random"] };

/** What Node's own modules offer that depends on its arguments alone, or never changes. */
const pureBuiltins: Readonly<Record<string, readonly string[] | "all">> = {
  "node:crypto": ["createHash", "Hash"],
  "node:os": ["endianness"],
  "node:buffer": "all",
  "node:assert": "all",
};

const impurePackages = new Set([
  ...["nats", "nact", "hnswlib-node", "etcd3", "ioredis"],
  ...["pino", "cockatiel", "commander", "cli-progress", "cli-table3"],
]);

function isImpure({ specifier, names }: Import): boolean {
  const builtin = builtinOf(specifier);
  if (builtin === undefined) {
    const name = packageOf(specifier);
    return impurePackages.has(name) || /^@(aws-sdk|nats-io|nact)\//.test(name);
  }
  const pure = pureBuiltins[builtin];
  return pure !== "all" && !names.every((name) => pure?.includes(name) === true);
}

/** For actors and messages themselves. */
export function impurities(source: Source): readonly Finding[] {
  const awaits = nodesOf(source).filter(ts.isAwaitExpression);
  return [
    ...impuritiesOnceLoaded(source),
    ...awaits.map((node) => finding(source, node, `'await': ${asAnEffect}`)),
  ];
}

/** For what they run: such a file may await while it loads, for instance to compile WebAssembly. */
export function impuritiesOnceLoaded(source: Source): readonly Finding[] {
  return [...impureNames(source), ...impureImports(source)];
}

/** For the simulation: it may await, and one seed must give one run, on any machine. */
export function unrepeatable(source: Source): readonly Finding[] {
  const sources = new Set(["Date", "performance", "crypto", "Math", "setTimeout", "setInterval"]);
  return nodesOf(source).flatMap((node) => {
    if (!ts.isIdentifier(node) || !sources.has(node.text) || impureName(node) === undefined)
      return [];
    const message = `'${node.text}': chance and time come from the seed (src/simulation/random.ts)`;
    return [finding(source, node, message)];
  });
}

function impureNames(source: Source): readonly Finding[] {
  return nodesOf(source).flatMap((node) => {
    const complaint = asynchrony(node) ?? impureName(node);
    return complaint === undefined ? [] : [finding(source, node, complaint)];
  });
}

function asynchrony(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return `'async': ${asAnEffect}`;
  if (ts.isMetaProperty(node)) return "'import.meta': the environment comes with the settings";
  return undefined;
}

function impureName(node: ts.Node): string | undefined {
  if (!ts.isIdentifier(node) || !isValue(node)) return undefined;
  const name = node.text;
  const member = memberOf(node);
  const impure = impureMembers[name];
  if (impure !== undefined) {
    if (member !== undefined && !impure.includes(member)) return undefined;
    return `'${member === undefined ? name : `${name}.${member}`}': ${impure.join(", ")} is random`;
  }
  if (member !== undefined && pureMembers[name]?.includes(member) === true) return undefined;
  if (name === "Date" && isConversion(node.parent)) return undefined;
  const instead = Object.hasOwn(impureGlobals, name) ? impureGlobals[name] : undefined;
  return instead === undefined ? undefined : `'${name}': ${instead}`;
}

/** `new Date(time)` turns a given time into another form; only without one it reads the clock. */
function isConversion(node: ts.Node): boolean {
  return ts.isNewExpression(node) && node.arguments?.length === 1;
}

/** The `now` of `Date.now`; undefined when the name is used in any other way. */
function memberOf(node: ts.Identifier): string | undefined {
  const parent = node.parent;
  if (!ts.isPropertyAccessExpression(parent) || parent.expression !== node) return undefined;
  return parent.name.text;
}

/** False for the names of members and for types: neither reads the global of that name. */
function isValue(node: ts.Identifier): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if (ts.isBindingElement(parent)) return parent.propertyName !== node;
  if (ts.isQualifiedName(parent) || ts.isTypeNode(parent)) return ts.isTypeQueryNode(parent);
  return !(
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isLiteralTypeNode(parent)
  );
}

function impureImports(source: Source): readonly Finding[] {
  return importsOf(source)
    .filter(isImpure)
    .map(({ specifier, line }) => ({
      path: source.path,
      line,
      message: `imports '${specifier}': ${asAnEffect}`,
    }));
}
