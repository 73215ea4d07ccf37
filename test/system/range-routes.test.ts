// Which thread a range goes to, and what is known of threads and channels.
import { expect, test } from "vitest";
import { RangeRoutes, type Route } from "../../src/system/range-routes.js";

const everywhere = () => true;

function opened(routes: RangeRoutes, channel: string, range: number): Route {
  const route = routes.assign(channel, range, "id", everywhere);
  if (route === null) throw new Error("no thread");
  return route;
}

test("ranges opened at once are spread, and later ones go where least is", () => {
  const routes = new RangeRoutes(3);
  const threads = [1, 2, 3].map((range) => opened(routes, "c", range).thread);
  expect([...threads].sort()).toEqual([0, 1, 2]);
  const heavy = routes.find("c", 2) as Route;
  for (const range of [1, 3]) routes.addLoad(routes.find("c", range) as Route, 10_000);
  expect(opened(routes, "d", 1).thread).toBe(heavy.thread);
  routes.addLoad(heavy, 100_000);
  routes.remove(routes.find("c", 1) as Route);
  expect(opened(routes, "d", 2).thread).toBe(threads[0]);
});

test("a range stays in its thread when it is opened again", () => {
  const routes = new RangeRoutes(2);
  const first = opened(routes, "c", 1);
  routes.addLoad(first, 1_000_000);
  expect(opened(routes, "c", 1).thread).toBe(first.thread);
  expect(opened(routes, "c", 2).thread).not.toBe(first.thread);
});

test("what is said of a route that was assigned anew changes nothing", () => {
  const routes = new RangeRoutes(1);
  const old = opened(routes, "c", 1);
  const present = opened(routes, "c", 1);
  routes.remove(old);
  routes.addLoad(old, 5);
  expect(routes.find("c", 1)).toBe(present);
  expect(old.bytes).not.toBe(5);
});

test("threads that may hold nothing are passed over", () => {
  const routes = new RangeRoutes(2);
  expect(routes.assign("c", 1, "id", (thread) => thread === 1)?.thread).toBe(1);
  expect(routes.assign("c", 2, "id", (thread) => thread === 1)?.thread).toBe(1);
  expect(routes.assign("c", 3, "id", () => false)).toBeNull();
});

test("channels by thread, and ranges by channel", () => {
  const routes = new RangeRoutes(2);
  const [a, b] = [opened(routes, "a", 1), opened(routes, "b", 1)];
  expect(routes.channelsIn(a.thread)).toEqual(["a"]);
  routes.remove(b);
  expect(routes.channelsIn(b.thread)).toEqual([]);
  expect(routes.ofChannel("a")).toEqual([a]);
  expect(routes.ofChannel("b")).toEqual([]);
});
