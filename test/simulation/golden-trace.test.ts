// One insert and one search, delivery by delivery: the text that README and reviewers read.
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { traceOfInsertThenSearch } from "../../src/simulation/insert-then-search.js";

const path = new URL("../traces/insert-then-search.txt", import.meta.url);

/** `UPDATE_TRACES=1 npx vitest run test/simulation` writes it anew. */
test("an insert and a search take the way that test/traces says", async () => {
  const text = `${(await traceOfInsertThenSearch()).join("\n")}\n`;
  if (process.env.UPDATE_TRACES === "1") writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, "utf8"));
});
