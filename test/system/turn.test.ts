// What is sent in one turn leaves together, in order, and before what comes after its end.
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { callTurn, cancelTurn, Turn, takeTurn } from "../../src/system/turn.js";

it("sends at the end of the turn, in order, and once", async () => {
  const turn = new Turn();
  const sent: number[] = [];
  for (const number of [1, 2, 3]) turn.add(() => sent.push(number));
  await Promise.resolve();
  expect(sent).toEqual([]);
  await nextTurn();
  expect(sent).toEqual([1, 2, 3]);
  await nextTurn();
  expect(sent).toEqual([1, 2, 3]);
});

it("ends early for what must not wait, and goes on", async () => {
  const turn = new Turn();
  const sent: number[] = [];
  turn.add(() => sent.push(1));
  turn.end();
  sent.push(2);
  turn.add(() => {
    sent.push(3);
    turn.add(() => sent.push(4));
  });
  await nextTurn();
  await nextTurn();
  expect(sent).toEqual([1, 2, 3, 4]);
});

it("sends what the only actor with a turn adds as soon as that is over, else with the rest", async () => {
  const turn = new Turn();
  const sent: number[] = [];
  const act = (number: number) => takeTurn(() => turn.add(() => sent.push(number)));
  callTurn();
  act(1);
  expect(sent).toEqual([]);
  await Promise.resolve();
  expect(sent).toEqual([1]);
  callTurn();
  callTurn();
  act(2);
  await Promise.resolve();
  act(3);
  await Promise.resolve();
  expect(sent).toEqual([1]);
  await nextTurn();
  expect(sent).toEqual([1, 2, 3]);
});

it("waits for no actor that was stopped, and survives one that fails", async () => {
  const turn = new Turn();
  const sent: number[] = [];
  callTurn();
  callTurn();
  cancelTurn();
  const failing = () =>
    takeTurn(() => {
      turn.add(() => sent.push(1));
      throw new Error("failed");
    });
  expect(failing).toThrow("failed");
  await Promise.resolve();
  expect(sent).toEqual([1]);
  turn.add(() => sent.push(2));
  await Promise.resolve();
  expect(sent).toEqual([1]);
  await nextTurn();
  expect(sent).toEqual([1, 2]);
});
