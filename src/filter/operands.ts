// What a filter may ask of: the fields of a schema, paths into JSON, and the types that fit them.
import { type CollectionSchema, dynamicFieldName, type FieldType } from "../rows/schema.js";
import { dynamicOperand, type Literal, type Operand } from "./filter.js";
import { pathStepsMax } from "./limits.js";
import { literalValue } from "./literals.js";
import {
  type FieldSyntax,
  isProblem,
  type Problem,
  problem,
  type Syntax,
  shown,
} from "./syntax.js";

/** `flipped`: an odd number of `not`s stands before this Bool field. */
export interface Subject {
  readonly operand: Operand;
  readonly type: FieldType;
  readonly flipped: boolean;
}

const fieldsShownMax = 32;

/** One side of a comparison, of `in`, `like` or `is null`: a field, a Bool one also under `not`. */
export function subjectOf(syntax: Syntax, schema: CollectionSchema): Subject | Problem {
  let inner = syntax;
  let nots = 0;
  for (; inner.kind === "not"; nots += 1) inner = inner.operand;
  if (inner.kind === "literal") return problem(inner.offset, "expected a field, not a constant");
  if (inner.kind !== "field") {
    const hint = "a condition stands by itself, or after 'not'";
    return problem(syntax.offset, "a condition is no value to compare", hint);
  }
  const subject = resolve(inner, schema);
  if (isProblem(subject) || nots === 0) return subject;
  if (subject.type === "Bool") return { ...subject, flipped: nots % 2 === 1 };
  const name = textOf(subject.operand);
  const hint = `'not' binds tighter than comparisons and 'in': write not (${name} ...)`;
  return problem(syntax.offset, `'not' has no meaning for ${name}, which is ${subject.type}`, hint);
}

/** A field that is a condition by itself. */
export function conditionOf(syntax: FieldSyntax, schema: CollectionSchema): Subject | Problem {
  const subject = resolve(syntax, schema);
  if (isProblem(subject) || subject.type === "Bool") return subject;
  const name = textOf(subject.operand);
  const hint = subject.type === "JSON" ? `write ${name} == true` : "compare it with a constant";
  return problem(syntax.offset, `${name} is ${subject.type}, no condition by itself`, hint);
}

export function literalProblem(
  subject: Subject,
  value: Literal,
  offset: number,
): Problem | undefined {
  if (fits(subject.type, value)) return undefined;
  const name = textOf(subject.operand);
  return problem(offset, `${name} is ${subject.type} and does not compare with ${nameOf(value)}`);
}

/** An operand as the author of a filter would write it, shortened. */
function textOf({ field, path }: Operand): string {
  const [first, ...rest] = path;
  const isBare = field === dynamicFieldName && typeof first === "string" && /^\w+$/.test(first);
  const steps = (isBare ? rest : path).map((step) => `[${JSON.stringify(step)}]`);
  return shown(`${isBare ? first : field}${steps.join("")}`);
}

function fits(type: FieldType, value: Literal): boolean {
  switch (type) {
    case "JSON":
      return true;
    case "VarChar":
      return typeof value === "string";
    case "Bool":
      return typeof value === "boolean";
    case "FloatVector":
      return false;
    default:
      return typeof value === "bigint" || typeof value === "number";
  }
}

function nameOf(value: Literal): string {
  if (typeof value === "string") return "a string";
  return typeof value === "boolean" ? String(value) : "a number";
}

function resolve(syntax: FieldSyntax, schema: CollectionSchema): Subject | Problem {
  const { name, offset } = syntax;
  const path = pathOf(syntax);
  if (isProblem(path)) return path;
  const field = schema.fields.find((candidate) => candidate.name === name);
  if (field === undefined) return resolveDynamic(syntax, path, schema);
  if (field.type === "FloatVector") {
    return problem(offset, `${name} is a FloatVector, which no filter can test`);
  }
  if (path.length > 0 && field.type !== "JSON") {
    return problem(offset, `${name} is ${field.type}: only JSON fields have keys`);
  }
  return { operand: { field: name, path }, type: field.type, flipped: false };
}

function resolveDynamic(
  { name, offset }: FieldSyntax,
  path: Operand["path"],
  schema: CollectionSchema,
): Subject | Problem {
  if (schema.dynamicFields && name === dynamicFieldName) {
    return { operand: { field: name, path }, type: "JSON", flipped: false };
  }
  if (schema.dynamicFields && !name.startsWith("$")) {
    return { operand: dynamicOperand(name, path), type: "JSON", flipped: false };
  }
  const names = schema.fields.map((field) => field.name);
  const rest = names.length > fieldsShownMax ? ` and ${names.length - fieldsShownMax} more` : "";
  const list = `${names.slice(0, fieldsShownMax).join(", ")}${rest}`;
  return problem(offset, `there is no field '${shown(name)}'; the fields are ${list}`);
}

function pathOf(syntax: FieldSyntax): Operand["path"] | Problem {
  if (syntax.path.length > pathStepsMax) {
    return problem(syntax.offset, `a path has at most ${pathStepsMax} steps`);
  }
  const path: (string | number)[] = [];
  for (const step of syntax.path) {
    const value = literalValue(step);
    if (isProblem(value)) return value;
    if (typeof value === "boolean") throw new Error("a path step that the grammar does not have");
    path.push(typeof value === "string" ? value : Number(value));
  }
  return path;
}
