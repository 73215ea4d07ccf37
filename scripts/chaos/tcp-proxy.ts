// A TCP proxy for tests: everything that passes it may be slowed, stalled, cut one way or reset.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** up: from whoever connects towards the server; down: back. */
export type Direction = "up" | "down";

export interface TcpProxy {
  readonly port: number;
  readonly connections: number;
  /** Of each piece of data, each way. */
  delay(latencyMs: number): void;
  /** Nothing passes that way any more, and nobody is told: new connections too. */
  cut(direction: Direction): void;
  /** Ends all connections as a broken network does; new ones are taken. */
  reset(): void;
  /** As at the start; what a cut held back goes on. */
  heal(): void;
  stop(): Promise<void>;
}

interface Weather {
  latencyMs: number;
  readonly isCut: Record<Direction, boolean>;
}

/** One direction of one connection: pieces wait in order, and its source is paused meanwhile. */
class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #direction: Direction;
  readonly #weather: Weather;
  readonly #held: { readonly data: Buffer; readonly at: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, direction: Direction, weather: Weather) {
    this.#from = from;
    this.#to = to;
    this.#direction = direction;
    this.#weather = weather;
    from.on("data", (data: Buffer) => {
      this.#held.push({ data, at: performance.now() + weather.latencyMs });
      this.pump();
    });
    to.on("drain", () => this.pump());
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#held.length = 0;
  }

  pump(): void {
    clearTimeout(this.#timer);
    while (this.#held.length > 0 && !this.#weather.isCut[this.#direction]) {
      const [next] = this.#held;
      const waitMs = (next?.at ?? 0) - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        break;
      }
      this.#held.shift();
      if (this.#to.writable && next !== undefined) this.#to.write(next.data);
    }
    const isBehind = this.#held.length >= heldMax || this.#to.writableNeedDrain;
    if (isBehind) this.#from.pause();
    else this.#from.resume();
  }
}

/** Pieces, each of at most 64 KiB: then the source waits. */
const heldMax = 256;

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const weather: Weather = { latencyMs: 0, isCut: { up: false, down: false } };
  const flows = new Set<Flow>();
  const sockets = new Set<Socket>();
  const server = createServer((near) => join(near, connect(target), weather, flows, sockets));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const pumpAll = () => {
    for (const flow of flows) flow.pump();
  };
  const reset = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: portOf(server),
    get connections() {
      return sockets.size / 2;
    },
    delay(latencyMs) {
      weather.latencyMs = latencyMs;
    },
    cut(direction) {
      weather.isCut[direction] = true;
    },
    reset,
    heal() {
      weather.latencyMs = 0;
      weather.isCut.up = false;
      weather.isCut.down = false;
      pumpAll();
    },
    async stop() {
      const closed = once(server, "close");
      server.close();
      reset();
      await closed;
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address === "object" && address !== null) return address.port;
  throw new Error("the proxy does not listen");
}

/** When one side goes, by an end or an error, the other goes too. */
function join(
  near: Socket,
  far: Socket,
  weather: Weather,
  flows: Set<Flow>,
  sockets: Set<Socket>,
): void {
  const pair = [new Flow(near, far, "up", weather), new Flow(far, near, "down", weather)];
  for (const flow of pair) flows.add(flow);
  for (const socket of [near, far]) {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      for (const flow of pair) {
        flow.close();
        flows.delete(flow);
      }
      // What was written already still arrives.
      (socket === near ? far : near).end();
    });
  }
}
