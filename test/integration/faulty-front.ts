// An HTTP server in front of another that loses requests, answers and time at random.
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What happens to a request: nothing bad, or one of these. */
export type Fault = "503" | "slow" | "silent" | "cut" | "answer-lost" | "answer-cut";

export interface FaultyFront {
  readonly endpoint: string;
  /** Requests that arrived. */
  readonly count: number;
  /** Asked for every request; null lets it pass. */
  fault: (method: string) => Fault | null;
  close(): Promise<void>;
}

const slowMs = 100;

export async function startFaultyFront(target: string): Promise<FaultyFront> {
  let count = 0;
  const server = createServer((incoming, answer) => {
    count += 1;
    void pass(front.fault(incoming.method ?? ""), incoming, answer);
  });
  const front = {
    endpoint: "",
    get count() {
      return count;
    },
    fault: (_method: string): Fault | null => null,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  async function pass(fault: Fault | null, incoming: IncomingMessage, answer: ServerResponse) {
    if (fault === "silent") return;
    if (fault === "cut") return void incoming.socket.destroy();
    if (fault === "503") return void answer.writeHead(503).end();
    if (fault === "slow") await new Promise((resolve) => setTimeout(resolve, slowMs));
    const { method, url = "/", headers } = incoming;
    const forward = request(new URL(url, target), { method, headers }, (response) => {
      if (fault === "answer-lost") return void response.resume();
      answer.writeHead(response.statusCode ?? 500, response.headers);
      if (fault !== "answer-cut") return void response.pipe(answer);
      response.once("data", (chunk: Buffer) => {
        answer.write(chunk.subarray(0, chunk.length / 2), () => answer.destroy());
      });
      response.once("end", () => answer.destroy());
    });
    forward.once("error", () => answer.destroy());
    incoming.pipe(forward);
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  front.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return front;
}
