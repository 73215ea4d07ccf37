// The proxy passes what it is given, and fails in each of its ways when it is told to.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { startTcpProxy, type TcpProxy } from "../../../scripts/chaos/tcp-proxy.js";

let echo: Server;
let proxy: TcpProxy;
const sockets: Socket[] = [];

beforeEach(async () => {
  echo = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  echo.listen(0, "127.0.0.1");
  await once(echo, "listening");
  const { port } = echo.address() as { port: number };
  proxy = await startTcpProxy({ host: "127.0.0.1", port });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.stop();
  echo.close();
});

async function dial() {
  const socket = connect(proxy.port, "127.0.0.1");
  sockets.push(socket);
  let text = "";
  socket.on("data", (data) => {
    text += data.toString();
  });
  const ended = new Promise<string>((done) => {
    socket.on("error", (error: NodeJS.ErrnoException) => done(error.code ?? "error"));
    socket.on("end", () => done("end"));
  });
  await once(socket, "connect");
  const until = async (wanted: string) => {
    while (text !== wanted) await delay(2);
  };
  return { socket, ended, until, text: () => text };
}

it("passes bytes both ways, many too", async () => {
  const { socket, until } = await dial();
  const large = "x".repeat(3_000_000);
  socket.write(large);
  await until(large);
  expect(proxy.connections).toBe(1);
});

it("delays each way", async () => {
  const { socket, until } = await dial();
  proxy.delay(60);
  const from = performance.now();
  socket.write("a");
  await until("a");
  expect(performance.now() - from).toBeGreaterThanOrEqual(119);
});

it.each(["up", "down"] as const)("cuts %s, and what was held back goes on", async (direction) => {
  const { socket, until, text } = await dial();
  proxy.cut(direction);
  socket.write("b");
  await delay(50);
  expect(text()).toBe("");
  proxy.heal();
  await until("b");
});

it("resets connections and takes new ones", async () => {
  const { ended } = await dial();
  proxy.reset();
  expect(["ECONNRESET", "end"]).toContain(await ended);
  const { socket, until } = await dial();
  socket.write("c");
  await until("c");
});

it("ends a connection whose server is gone", async () => {
  const { port } = echo.address() as { port: number };
  const gone = await startTcpProxy({ host: "127.0.0.1", port: port === 1 ? 2 : 1 });
  const socket = connect(gone.port, "127.0.0.1");
  sockets.push(socket);
  socket.resume();
  await once(socket, "close");
  await gone.stop();
});
