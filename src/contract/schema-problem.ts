// What is wrong with the arguments of a request, in words that help to put it right.
import { z } from "zod";
import { type ErrorCode, type Refused, refused } from "./errors.js";
import { suggestion } from "./nearest.js";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** The first of what `schema` finds wrong with `body`. */
export function argumentsRefused(schema: z.ZodType, body: unknown, error: z.ZodError): Refused {
  // A misspelt argument explains the missing one that would be named otherwise.
  const unknown = error.issues.find((issue) => issue.code === "unrecognized_keys");
  const issue = unknown ?? error.issues[0];
  if (issue === undefined) throw new Error("a failed check without an issue");
  if (issue.code === "unrecognized_keys") return unknownArgument(schema, issue);
  if (issue.code === "invalid_value") return unknownWord(issue, valueAt(body, issue.path));
  if (issue.code === "custom" && issue.params?.code !== undefined) {
    return refused(issue.params.code, `${pathText(issue.path)}: ${issue.message}`);
  }
  const place = pathText(issue.path);
  const missing = valueAt(body, issue.path) === undefined;
  if (missing && issue.path.length > 0) return refused("invalid-request", `${place} is missing`);
  return refused(codeOf(issue), `${place}: ${issue.message}`);
}

function codeOf(issue: Issue): ErrorCode {
  const isName = issue.code === "invalid_format" || issue.code === "custom";
  if (isName && issue.path.at(-1) === "name") return "invalid-name";
  return issue.code === "too_big" ? "limit-exceeded" : "invalid-request";
}

function unknownArgument(
  schema: z.ZodType,
  issue: Extract<Issue, { code: "unrecognized_keys" }>,
): Refused {
  const name = issue.keys[0] ?? "";
  const place = issue.path.length === 0 ? "" : `${pathText(issue.path)}: `;
  const hint = suggestion(name, knownAt(schema, issue.path));
  return refused("unknown-field", `${place}there is no argument '${name}'`, hint);
}

function unknownWord(issue: Extract<Issue, { code: "invalid_value" }>, value: unknown): Refused {
  const place = pathText(issue.path);
  const known = issue.values.map(String);
  if (value === undefined) return refused("invalid-request", `${place} is missing`);
  if (typeof value !== "string") {
    return refused("invalid-request", `${place} is not one of ${known.join(", ")}`);
  }
  return refused("invalid-request", `${place}: unknown '${value}'`, suggestion(value, known));
}

/** The names that an object at this path may have. */
function knownAt(schema: z.ZodType, path: Path): readonly string[] {
  const [step, ...rest] = path;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) {
    return knownAt(schema.unwrap() as z.ZodType, path);
  }
  if (schema instanceof z.ZodArray) return knownAt(schema.element as z.ZodType, rest);
  if (!(schema instanceof z.ZodObject)) return [];
  if (step === undefined) return Object.keys(schema.shape);
  const inner = schema.shape[String(step)];
  return inner === undefined ? [] : knownAt(inner, rest);
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null) return undefined;
    current = Object.hasOwn(current, step) ? Reflect.get(current, step) : undefined;
  }
  return current;
}

/** `fields[0].dimension` */
function pathText(path: Path): string {
  if (path.length === 0) return "the request";
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      return index === 0 ? String(step) : `.${String(step)}`;
    })
    .join("");
}
