// How a file looks: its first line, its length, the length of its lines and functions, its catches.
import ts from "typescript";
import { type Finding, finding, nodesOf, type Source } from "./source.js";

const fileLinesMax = 400;
const functionLinesMax = 70;
const columnsMax = 100;

export function overlongFiles(source: Source): readonly Finding[] {
  const lines = source.text.replace(/\n$/, "").split("\n");
  const findings: Finding[] = [];
  if (lines.length > fileLinesMax) {
    const message = `${lines.length} lines, at most ${fileLinesMax}: split it by what it is about`;
    findings.push({ path: source.path, line: lines.length, message });
  }
  for (const [index, line] of lines.entries()) {
    const columns = [...line].length;
    if (columns <= columnsMax) continue;
    const message = `${columns} columns, at most ${columnsMax}: break the line or shorten it`;
    findings.push({ path: source.path, line: index + 1, message });
  }
  return findings;
}

export function overlongFunctions(source: Source): readonly Finding[] {
  return nodesOf(source).flatMap((node) => {
    if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined) return [];
    const { line: first } = source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree));
    const { line: last } = source.tree.getLineAndCharacterOfPosition(node.getEnd());
    const length = last - first + 1;
    if (length <= functionLinesMax) return [];
    const advice = `at most ${functionLinesMax}: give its parts names of their own`;
    return [finding(source, node, `a function of ${length} lines, ${advice}`)];
  });
}

/** The first line says in a sentence what the file is for; a script may have a shebang before. */
export function missingPurpose(source: Source): readonly Finding[] {
  const lines = source.text.split("\n");
  const start = lines[0]?.startsWith("#!") === true ? 1 : 0;
  const rest = lines.slice(start);
  const end = rest.findIndex((line) => !line.startsWith("//"));
  const comment = rest.slice(0, end === -1 ? undefined : end).join(" ");
  if (/^\/\/ [\p{Lu}`"'\d]\S* .*[.!?:]$/u.test(comment)) return [];
  const message = "begin the file with one `//` sentence that says what it is for";
  return [{ path: source.path, line: start + 1, message }];
}

/** An empty catch, with or without a comment in it, and `.catch()` with a function of nothing. */
export function swallowedErrors(source: Source): readonly Finding[] {
  const instead = "handle the failure, turn it into a value, or let it pass";
  return nodesOf(source).flatMap((node) => {
    if (ts.isCatchClause(node) && node.block.statements.length === 0) {
      return [finding(source, node, `an empty catch: ${instead}`)];
    }
    return isEmptyRejection(node) ? [finding(source, node, `an empty .catch(): ${instead}`)] : [];
  });
}

function isEmptyRejection(node: ts.Node): boolean {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false;
  if (node.expression.name.text !== "catch") return false;
  const handler = node.arguments[0];
  if (handler === undefined) return true;
  if (!ts.isArrowFunction(handler) && !ts.isFunctionExpression(handler)) return false;
  const { body } = handler;
  if (ts.isBlock(body)) return body.statements.length === 0;
  return body.getText() === "undefined" || ts.isVoidExpression(body);
}
