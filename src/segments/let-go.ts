// Gives the memory of a large buffer back at once.
import { MessageChannel } from "node:worker_threads";

const worthBytes = 1024 * 1024;

/**
 * The collector comes by when something is allocated: after the last of a few large objects it may
 * not for hours. A buffer that was handed to a port on which nobody listens is freed with the port.
 * Nobody may look at the bytes afterwards; those that share their buffer with others stay.
 */
export function letGo(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes;
  const isOwn = buffer instanceof ArrayBuffer && byteLength === buffer.byteLength;
  if (!isOwn || byteLength < worthBytes) return;
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(null, [buffer]);
  port1.close();
}
