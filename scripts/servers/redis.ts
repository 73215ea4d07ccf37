// A Redis that keeps nothing on disk: for Elanus it is a cache and may forget everything.
import { connect } from "node:net";
import { portOf, programNamed, type ServerPlace } from "./plan-parts.js";
import { type ServerProcess, startServerProcess } from "./server-process.js";

export async function startRedis(place: ServerPlace): Promise<ServerProcess> {
  const port = await portOf(place);
  const plan = {
    name: "redis",
    endpoint: `redis://127.0.0.1:${port}`,
    program: programNamed("redis-server"),
    directory: place.directory,
    args: [
      ...["--port", `${port}`, "--bind", "127.0.0.1", "--dir", place.directory],
      ...["--save", "", "--appendonly", "no"],
      ...["--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"],
    ],
    answers: () => pongs(port),
  };
  return startServerProcess(plan, {});
}

function pongs(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once("data", (data) => {
      done(data.toString("utf8").startsWith("+PONG"));
      socket.destroy();
    });
    socket.once("error", () => done(false));
    socket.once("close", () => done(false));
  });
}
