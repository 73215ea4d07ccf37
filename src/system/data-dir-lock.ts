// One cluster per data folder: a lock that cannot outlive the process that holds it.
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";

export class DataDirInUse extends Error {
  override readonly name = "DataDirInUse";
}

interface Holder {
  readonly pid: number;
  readonly port: number;
  readonly token: string;
}

const answerTimeoutMs = 1_000;
const attemptsMax = 5;

/**
 * The holder answers on a port with the token in the lock file. A process id could be another
 * process's by now; nobody else knows the token. Returns what frees the folder.
 */
export async function lockDataDir(dataDir: string): Promise<() => void> {
  mkdirSync(dataDir, { recursive: true });
  const file = join(dataDir, "cluster.lock");
  const token = randomBytes(16).toString("hex");
  const server = await answering(token);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    if (create(file, { pid: process.pid, port, token })) {
      return () => {
        rmSync(file, { force: true });
        server.close();
      };
    }
    const holder = readHolder(file);
    if (holder !== undefined && (await answers(holder))) {
      server.close();
      throw new DataDirInUse(
        `${dataDir} is in use by another cluster (process ${holder.pid}): ` +
          "stop that one, or choose another folder with --data-dir",
      );
    }
    rmSync(file, { force: true });
  }
  server.close();
  throw new DataDirInUse(`${dataDir} cannot be locked: others start there at the same time`);
}

function answering(token: string): Promise<Server> {
  return new Promise((done, fail) => {
    const server = createServer((socket) => {
      socket.on("error", () => socket.destroy());
      socket.end(token);
    });
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      server.unref();
      done(server);
    });
  });
}

/** A link appears with its content or not at all, and fails when there is one. */
function create(file: string, holder: Holder): boolean {
  const draft = `${file}.${holder.token}`;
  writeFileSync(draft, JSON.stringify(holder));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function answers({ port, token }: Holder): Promise<boolean> {
  return new Promise((done) => {
    let heard = "";
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(answerTimeoutMs, () => socket.destroy());
    socket.setEncoding("utf8").on("data", (text: string) => {
      heard += text;
    });
    socket.once("error", () => done(false));
    socket.once("close", () => done(heard === token));
  });
}
