// What setup throws when the reader has to do something that it cannot do for them.

export class SetupProblem extends Error {
  name = "SetupProblem";
}

export function say(line) {
  console.log(`setup: ${line}`);
}
