// Lets data workers of a real host collect objects sooner than after an hour: a test sees it then.
import type { ChangeDefinition } from "../../src/system/actor-table.js";

export const objectGraceVariable = "ELANUS_TEST_OBJECT_GRACE_MS";

export function withObjectGrace(objectGraceMs: number): ChangeDefinition {
  return (definition) => ({
    ...definition,
    initial(settings) {
      const hasGrace = "objectGraceMs" in (settings as object);
      return definition.initial(hasGrace ? { ...settings, objectGraceMs } : settings);
    },
  });
}
