// One source file as the tidy checks see it: its path, its text, its syntax tree and its imports.
import { builtinModules } from "node:module";
import { posix } from "node:path";
import ts from "typescript";

export interface Source {
  /** From the root of the project, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

export interface Finding {
  readonly path: string;
  readonly line: number;
  /** What is wrong and what to do instead. */
  readonly message: string;
}

export interface Import {
  /** As it is written. */
  readonly specifier: string;
  /** The project's file that it names; undefined when it is a package. */
  readonly file: string | undefined;
  /** The names it takes, `*` for all, `default` for the default. */
  readonly names: readonly string[];
  /** Erased by the compiler: it says what something is, and runs nothing. */
  readonly typeOnly: boolean;
  readonly line: number;
}

export function parse(path: string, text: string): Source {
  const kind = path.endsWith(".ts") ? ts.ScriptKind.TS : ts.ScriptKind.JS;
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true, kind);
  return { path, text, tree };
}

export function lineOf(source: Source, node: ts.Node): number {
  return source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree)).line + 1;
}

export function finding(source: Source, node: ts.Node, message: string): Finding {
  return { path: source.path, line: lineOf(source, node), message };
}

/** Every node below the file, parents first. */
export function nodesOf(source: Source): readonly ts.Node[] {
  const nodes: ts.Node[] = [];
  const collect = (node: ts.Node) => {
    nodes.push(node);
    ts.forEachChild(node, collect);
  };
  ts.forEachChild(source.tree, collect);
  return nodes;
}

export function importsOf(source: Source): readonly Import[] {
  return nodesOf(source).flatMap((node) => {
    const found = importOf(node);
    if (found === undefined) return [];
    const file = fileOf(source.path, found.specifier);
    return [{ ...found, file, line: lineOf(source, node) }];
  });
}

type BareImport = Pick<Import, "specifier" | "names" | "typeOnly">;

/** All the ways in which a file names another module, worker threads' files among them. */
function importOf(node: ts.Node): BareImport | undefined {
  if (ts.isImportDeclaration(node)) {
    const clause = node.importClause;
    const typeOnly = clause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    return named(node.moduleSpecifier, namesOf(clause), typeOnly);
  }
  if (ts.isExportDeclaration(node)) return named(node.moduleSpecifier, ["*"], node.isTypeOnly);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return named(node.argument.literal, ["*"], true);
  }
  if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference)) {
    return named(node.moduleReference.expression, ["*"], node.isTypeOnly);
  }
  if (ts.isCallExpression(node) && isModuleCall(node))
    return named(node.arguments[0], ["*"], false);
  if (ts.isNewExpression(node) && isModuleUrl(node))
    return named(node.arguments?.[0], ["*"], false);
  return undefined;
}

function named(
  specifier: ts.Node | undefined,
  names: readonly string[],
  typeOnly: boolean,
): BareImport | undefined {
  if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return undefined;
  return { specifier: specifier.text, names, typeOnly };
}

function namesOf(clause: ts.ImportClause | undefined): readonly string[] {
  if (clause === undefined) return ["*"];
  const bindings = clause.namedBindings;
  const own = clause.name === undefined ? [] : ["default"];
  if (bindings === undefined) return own;
  if (ts.isNamespaceImport(bindings)) return [...own, "*"];
  return [
    ...own,
    ...bindings.elements.map((element) => (element.propertyName ?? element.name).text),
  ];
}

function isModuleCall(node: ts.CallExpression): boolean {
  const called = node.expression;
  if (called.kind === ts.SyntaxKind.ImportKeyword) return true;
  return ts.isIdentifier(called) && called.text === "require";
}

/** `new URL("./x.js", import.meta.url)`: how worker threads and data files are named. */
function isModuleUrl(node: ts.NewExpression): boolean {
  return (
    node.expression.getText() === "URL" && node.arguments?.[1]?.getText() === "import.meta.url"
  );
}

/** `./x.js` is written for the compiled file; the source has the same name and ends in `.ts`. */
function fileOf(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const path = posix.join(posix.dirname(from), specifier);
  if (path.endsWith("/") || posix.basename(path).startsWith(".")) return undefined; // A folder.
  return path.replace(/^dist\//, "").replace(/\.js$/, ".ts");
}

/** `node:fs` for `fs`, `node:fs` and `fs/promises`; undefined for a package. */
export function builtinOf(specifier: string): string | undefined {
  const bare = specifier.replace(/^node:/, "").split("/")[0] ?? "";
  const isBuiltin = specifier.startsWith("node:") || builtinModules.includes(bare);
  return isBuiltin ? `node:${bare}` : undefined;
}

/** `@scope/name` or `name`, without what follows. */
export function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
