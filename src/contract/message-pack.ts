// MessagePack as the contract speaks it: Int64 as an integer of 64 bits, vectors as binary.
// The entry without the native string reader: the client must not depend on native code.
import { Packr } from "msgpackr/pack";
import { messagePackProblem } from "./message-pack-check.js";

const packer = new Packr({
  useRecords: false,
  variableMapSize: true,
  encodeUndefinedAsNil: true,
  // A value may hold a key 'toJSON' that is no function.
  useToJSON: false,
});

/** Typed arrays other than Uint8Array must have been turned into bytes before. */
export function packMessage(value: unknown): Uint8Array {
  return packer.pack(value);
}

export type Unpacked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: string };

/** Never throws; integers of 64 bits come as bigints, binary as views of `body`. */
export function unpackMessage(body: Uint8Array): Unpacked {
  const problem = messagePackProblem(body);
  if (problem !== null) return { ok: false, problem };
  try {
    return { ok: true, value: packer.unpack(body) };
  } catch (error) {
    return { ok: false, problem: String(error) };
  }
}
