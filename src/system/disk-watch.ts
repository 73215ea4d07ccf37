// Whether the disk that everything lies on still has room; a broker on a full one just hangs.
import { statfs } from "node:fs/promises";

const lookEveryMs = 1_000;

export class DiskWatch {
  readonly #path: string;
  readonly #reserveBytes: number;
  readonly #timer: NodeJS.Timeout;
  #hasRoom = true;

  private constructor(path: string, reserveBytes: number) {
    this.#path = path;
    this.#reserveBytes = reserveBytes;
    this.#timer = setInterval(() => void this.#look(), lookEveryMs);
  }

  static async start(path: string, reserveBytes: number): Promise<DiskWatch> {
    const watch = new DiskWatch(path, reserveBytes);
    await watch.#look();
    return watch;
  }

  /** False while less than the reserve is free. */
  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(this.#path);
      this.#hasRoom = bavail * bsize >= this.#reserveBytes;
    } catch {
      this.#hasRoom = false; // A disk that cannot be asked takes nothing either.
    }
  }
}
