// Holds every committed manifest against the log: whoever loads it must find the model's rows.
import { collectionRecord, decodeRecord } from "../messages/records.js";
import { keysOf } from "../rows/columns.js";
import { sha256Hex } from "../storage/keys.js";
import {
  decodeManifest,
  decodeRoot,
  type Manifest,
  type ManifestSegment,
  objectKeysOf,
  type Root,
} from "../storage/manifest.js";
import { decodeSegment } from "../storage/segment-file.js";
import { decodeTombstones, type Tombstone } from "../storage/tombstones-file.js";
import type { Auditor } from "./auditor.js";
import type { ChannelModel } from "./channel-model.js";

interface Born {
  readonly key: bigint;
  readonly born: number;
  readonly rowNumber: number;
}

export class RootAuditor {
  readonly #auditor: Auditor;
  /** What the root of each channel names now. */
  readonly #named = new Map<string, { manifest: Manifest; key: string }>();
  readonly #segments = new Map<string, readonly Born[]>();
  readonly #tombstones = new Map<string, readonly Tombstone[]>();
  readonly #createdAtMs = new Map<string, number>();

  constructor(auditor: Auditor) {
    this.#auditor = auditor;
  }

  checkpointOf(channel: string): number {
    return this.#named.get(channel)?.manifest.checkpoint.sequence ?? 0;
  }

  written(key: string, before: Uint8Array | null, value: Uint8Array | null): void {
    if (key.startsWith("collections.")) return this.#collectionWritten(before, value);
    if (!key.startsWith("roots.")) return;
    const channel = key.slice("roots.".length);
    if (value === null) {
      this.#named.delete(channel);
      return;
    }
    const root = decodeRoot(value);
    const former = before === null ? null : decodeRoot(before);
    if (former !== null) this.#checkSuccession(channel, former, root);
    if (root.manifest !== null && root.manifest.key !== former?.manifest?.key) {
      this.#checkManifest(channel, root, root.manifest);
    }
  }

  /** One writer per epoch: who takes over raises it, who commits keeps it and counts on. */
  #checkSuccession(channel: string, former: Root, root: Root): void {
    const isTakeOver = root.epoch === former.epoch + 1 && root.number === former.number;
    const isCommit = root.epoch === former.epoch && root.number === former.number + 1;
    const isSameOwner = root.owner === former.owner;
    if (isTakeOver ? !isSameOwner : isCommit && isSameOwner) return;
    const now = `epoch ${root.epoch} number ${root.number} of ${root.owner}`;
    const was = `epoch ${former.epoch} number ${former.number} of ${former.owner}`;
    this.#auditor.fail(`the root of ${channel} went from ${was} to ${now}`);
  }

  #checkManifest(channel: string, root: Root, named: { key: string; sha256: string }): void {
    const { stored } = this.#auditor.world.objects;
    const bytes = stored.get(named.key);
    if (bytes === undefined) return this.#auditor.fail(`the root names '${named.key}': missing`);
    if (sha256Hex(bytes) !== named.sha256) {
      return this.#auditor.fail(`the root names '${named.key}' with another SHA-256`);
    }
    const decoded = decodeManifest(bytes);
    if (!decoded.ok) return this.#auditor.fail(`'${named.key}': ${decoded.reason}`);
    const { manifest } = decoded;
    const former = this.#named.get(channel)?.manifest;
    this.#named.set(channel, { manifest, key: named.key });
    if (manifest.number !== root.number) {
      this.#auditor.fail(`root ${root.number} of ${channel} names manifest ${manifest.number}`);
    }
    for (const key of rowObjectsOf(manifest)) {
      if (!stored.has(key)) this.#auditor.fail(`manifest '${named.key}' names '${key}': missing`);
    }
    if (this.#auditor.lostAtMs.has(channel)) return;
    this.#checkCheckpoint(channel, manifest, former);
    this.#checkRows(this.#auditor.model(channel), manifest);
  }

  #checkCheckpoint(channel: string, manifest: Manifest, former: Manifest | undefined): void {
    const model = this.#auditor.model(channel);
    const { checkpoint, readableFrom } = manifest;
    const what = `manifest ${manifest.number} of ${channel}`;
    if (checkpoint.sequence > 0) {
      const entry = model.entry(checkpoint.sequence);
      const isThere = entry?.appendedAtUs === checkpoint.appendedAtUs;
      const isSame = model.commitAt(checkpoint.sequence) === checkpoint.commit;
      if (!isThere || !isSame) this.#auditor.fail(`${what}: its checkpoint is not in the log`);
    }
    if (former === undefined) return;
    const isBack =
      checkpoint.sequence < former.checkpoint.sequence ||
      readableFrom.sequence < former.readableFrom.sequence;
    if (isBack) this.#auditor.fail(`${what} goes back behind manifest ${former.number}`);
  }

  /** The rows that a cold start finds, with their lives, from the oldest readable position on. */
  #checkRows(model: ChannelModel, manifest: Manifest): void {
    const what = `manifest ${manifest.number} of ${model.channel}`;
    const { checkpoint, readableFrom } = manifest;
    const loaded = this.#load(manifest);
    if (typeof loaded === "string") return this.#auditor.fail(`${what}: ${loaded}`);
    const seen = new Set<string>();
    for (const { key, born, rowNumber, died } of loaded) {
      const name = `${born}/${rowNumber}`;
      const row = model.rows.find((one) => one.born === born && one.rowNumber === rowNumber);
      if (seen.has(name)) this.#auditor.fail(`${what} holds row ${name} twice`);
      seen.add(name);
      if (row === undefined || row.key !== key || born > checkpoint.sequence) {
        this.#auditor.fail(`${what} holds row ${name}, which the log does not`);
      } else if (!isSameDeath(row.died, died, checkpoint.sequence, readableFrom.sequence)) {
        this.#auditor.fail(`${what}: row ${name} of key ${key} died at ${row.died}, not ${died}`);
      }
    }
    for (const { born, rowNumber, died, key } of model.rows) {
      const isWanted = born <= checkpoint.sequence && died > readableFrom.sequence;
      if (isWanted && !seen.has(`${born}/${rowNumber}`)) {
        this.#auditor.fail(`${what} lacks row ${born}/${rowNumber} of key ${key}`);
      }
    }
  }

  #load(manifest: Manifest): string | (Born & { died: number })[] {
    const killers: (Tombstone & { used?: boolean })[] = [];
    for (const { object } of manifest.tombstones) {
      const found = this.#readTombstones(object.key);
      if (typeof found === "string") return found;
      killers.push(...found);
    }
    const rows: (Born & { died: number })[] = [];
    for (const segment of manifest.segments) {
      const found = this.#readSegment(segment);
      if (typeof found === "string") return found;
      for (const row of found) rows.push({ ...row, died: Number.POSITIVE_INFINITY });
    }
    buryAll(rows, killers);
    return rows;
  }

  #readSegment(segment: ManifestSegment): string | readonly Born[] {
    const { key, sha256 } = segment.object;
    const known = this.#segments.get(key);
    if (known !== undefined) return known;
    const bytes = this.#auditor.world.objects.stored.get(key);
    if (bytes === undefined) return `'${key}' is missing`;
    const decoded = decodeSegment(bytes);
    if (!decoded.ok || sha256Hex(bytes) !== sha256) return `'${key}' is damaged`;
    const { batch, sequences, rowNumbers } = decoded.segment;
    const born = keysOf(batch, "id").map((id, row) => ({
      key: id as bigint,
      born: sequences[row] as number,
      rowNumber: rowNumbers[row] as number,
    }));
    this.#segments.set(key, born);
    const isInside = born.every((row) => row.born > segment.from && row.born <= segment.through);
    return isInside ? born : `'${key}' holds rows from outside its range`;
  }

  #readTombstones(key: string): string | readonly Tombstone[] {
    const known = this.#tombstones.get(key);
    if (known !== undefined) return known;
    const bytes = this.#auditor.world.objects.stored.get(key);
    const decoded = bytes === undefined ? null : decodeTombstones(bytes);
    if (!decoded?.ok) return `'${key}' cannot be read`;
    this.#tombstones.set(key, decoded.tombstones);
    return decoded.tombstones;
  }

  deleting(key: string): void {
    for (const [channel, { manifest, key: own }] of this.#named) {
      if (key === own || objectKeysOf(manifest).includes(key)) {
        this.#auditor.fail(
          `'${key}' is deleted, which manifest ${manifest.number} of ${channel} names`,
        );
      }
    }
  }

  /** A drop by name must not hit a collection that was created after the drop was over. */
  #collectionWritten(before: Uint8Array | null, value: Uint8Array | null): void {
    if (value === null) return;
    const record = decodeRecord(collectionRecord, value);
    if (before === null) {
      this.#createdAtMs.set(record.collectionId, this.#auditor.world.nowMs);
      return;
    }
    const former = decodeRecord(collectionRecord, before);
    if (record.state !== "dropping" || former.state === "dropping") return;
    const bornMs = this.#createdAtMs.get(record.collectionId) ?? 0;
    const isWanted = this.#auditor.ledger.drops.some(
      ({ name, endsAtMs }) => name === record.name && endsAtMs >= bornMs,
    );
    if (!isWanted)
      this.#auditor.fail(`'${record.name}' (${record.collectionId}) was dropped by nobody`);
  }
}

/** Of what holds rows and deletes; a missing index costs time, and is built again. */
function rowObjectsOf({ segments, tombstones }: Manifest): string[] {
  return [...segments, ...tombstones].map(({ object }) => object.key);
}

/** In log order: a birth ends the life of the row with its key, a killer of what it reaches. */
function buryAll(rows: (Born & { died: number })[], killers: readonly Tombstone[]): void {
  const living = new Map<bigint, Born & { died: number }>();
  const deaths = [...killers].sort((a, b) => a.sequence - b.sequence);
  let next = 0;
  const killThrough = (sequence: number) => {
    for (; next < deaths.length; next += 1) {
      const killer = deaths[next] as Tombstone;
      if (killer.sequence >= sequence) return;
      const row = living.get(killer.key as bigint);
      if (row === undefined || row.born > killer.bornThrough || row.born >= killer.sequence)
        continue;
      row.died = killer.sequence;
      living.delete(killer.key as bigint);
    }
  };
  for (const row of rows) {
    killThrough(row.born);
    const former = living.get(row.key);
    if (former !== undefined) former.died = row.born;
    living.set(row.key, row);
  }
  killThrough(Number.POSITIVE_INFINITY);
}

/** Exact between the oldest readable position and the checkpoint; elsewhere it does not matter. */
function isSameDeath(model: number, loaded: number, checkpoint: number, readable: number): boolean {
  const seenBy = (died: number) => (died > checkpoint ? Number.POSITIVE_INFINITY : died);
  if (model <= readable && loaded <= readable) return true;
  return seenBy(model) === seenBy(loaded);
}
