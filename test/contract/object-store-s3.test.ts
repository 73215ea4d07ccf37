// The object store of a bucket against its contract, and what only a bucket can do to it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UnavailableError } from "../../src/storage/errors.js";
import { objectStoreContract } from "./object-store.js";
import { type S3Bucket, startS3Bucket } from "./s3-bucket.js";

for (const prefix of ["", "team/elanus"]) {
  objectStoreContract(`S3, prefix '${prefix}'`, async () => {
    const bucket = await startS3Bucket();
    return { store: bucket.open(prefix), close: bucket.close };
  });
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("object store: a bucket", () => {
  let bucket: S3Bucket;
  beforeAll(async () => {
    bucket = await startS3Bucket();
  });
  afterAll(() => bucket.close());

  it("keeps prefixes apart, and lists none of what others put there", async () => {
    const [one, two, whole] = ["one", "one-more", ""].map((prefix) => bucket.open(prefix));
    await one?.put("a/b", bytesOf("1"));
    await two?.put("a/b", bytesOf("2"));
    await whole?.put("one-more/hidden", bytesOf("3"));
    expect(await one?.list("")).toEqual(["a/b"]);
    expect(await two?.list("")).toEqual(["a/b", "hidden"]);
    expect(await one?.get("a/b")).toEqual(bytesOf("1"));
  });

  it("lists beyond a page", async () => {
    const store = bucket.open("pages");
    const keys = Array.from({ length: 612 }, (_, n) => `k/${String(n).padStart(4, "0")}`);
    for (let start = 0; start < keys.length; start += 100) {
      const some = keys.slice(start, start + 100);
      await Promise.all(some.map((key) => store.put(key, bytesOf(key))));
    }
    expect(await store.list("k/")).toEqual(keys);
    expect(await store.list("k/05")).toHaveLength(100);
  });

  it("calls a missing bucket and wrong credentials unavailable, at once", async () => {
    const { open, server } = bucket;
    const elsewhere = open("", undefined, `${server.endpoint}/nowhere`);
    await expect(elsewhere.get("a")).rejects.toThrow(UnavailableError);
    process.env.AWS_ACCESS_KEY_ID = "unknown";
    const stranger = open("");
    await expect(stranger.put("a", bytesOf("x"))).rejects.toThrow(UnavailableError);
    await expect(stranger.get("a")).rejects.toThrow(UnavailableError);
    process.env.AWS_ACCESS_KEY_ID = server.credentials.accessKeyId;
  });
});
