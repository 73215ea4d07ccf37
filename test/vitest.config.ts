// Which tests run when: `unit` at every check, `integration` with `npm test`.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const integration = ["test/integration/**/*.test.ts"];

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: integration,
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: integration,
          // Each starts several processes and often waits: two keep two cores busy, more do not.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
