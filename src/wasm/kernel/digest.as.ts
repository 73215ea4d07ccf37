// Sums the hashes of an entry's rows, compiled by `scripts/build-kernel.ts`: AssemblyScript.

const prime1: u64 = 0x9e3779b185ebca87;
const prime2: u64 = 0xc2b2ae3d27d4eb4f;
const prime3: u64 = 0x165667b19e3779f9;
const prime4: u64 = 0x85ebca77c2b2ae63;
const prime5: u64 = 0x27d4eb2f165667c5;

/** What tells an integer from text, beside the row's number; see `key-digest.ts`. */
const integerTag: u64 = 1 << 32;
const hashedBytes: u64 = 24;

@inline
function mixed(hash: u64, lane: u64): u64 {
  const round = rotl<u64>(lane * prime2, 31) * prime1;
  return rotl<u64>(hash ^ round, 27) * prime1 + prime4;
}

/**
 * The sum, modulo 2^64, of the xxHash of each row's 24 bytes: its key, `sequence` as a float64, and
 * its number, from `firstRow` on, with the tag. `keys`: the address of `count` integers of 64 bits.
 */
export function digest(keys: usize, count: u32, sequence: f64, firstRow: u32): u64 {
  const birth = reinterpret<u64>(sequence);
  let sum: u64 = 0;
  for (let place: u32 = 0; place < count; place += 1) {
    let hash = mixed(prime5 + hashedBytes, load<u64>(keys + (<usize>place << 3)));
    hash = mixed(hash, birth);
    hash = mixed(hash, <u64>(firstRow + place) | integerTag);
    hash = (hash ^ (hash >> 33)) * prime2;
    hash = (hash ^ (hash >> 29)) * prime3;
    sum += hash ^ (hash >> 32);
  }
  return sum;
}
