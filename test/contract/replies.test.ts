// Replies and errors as bytes and headers.
import { describe, expect, it } from "vitest";
import {
  clientError,
  errorCodes,
  errorOfFailure,
  payloadTooLarge,
} from "../../src/contract/errors.js";
import { unpackMessage } from "../../src/contract/message-pack.js";
import { suggestion } from "../../src/contract/nearest.js";
import { encodeError, encodeReply, errorHeaders } from "../../src/contract/replies.js";

describe("a reply", () => {
  const value = { count: 2, ids: [2n ** 63n - 1n, "a"], readTimestamp: 2n ** 60n, none: null };

  it("has its Int64 values as text in JSON", () => {
    expect(JSON.parse(Buffer.from(encodeReply("json", value)).toString())).toEqual({
      ...value,
      ids: ["9223372036854775807", "a"],
      readTimestamp: "1152921504606846976",
    });
  });

  it("has them as integers in MessagePack", () => {
    expect(unpackMessage(encodeReply("msgpack", value))).toEqual({ ok: true, value });
  });
});

describe("an error", () => {
  const error = clientError("invalid-row", "rows[3], field 'größe' is null\r\nX: y", "a hint");

  it("is the same in the body of both content types", () => {
    const body = {
      error: {
        code: "invalid-row",
        message: error.message,
        hint: "a hint",
        retryable: false,
        requestId: "r-1",
      },
    };
    expect(JSON.parse(Buffer.from(encodeError("json", error, "r-1")).toString())).toEqual(body);
    const packed = encodeError("msgpack", error, "r-1");
    expect(unpackMessage(packed)).toEqual({ ok: true, value: body });
  });

  it("has a number and one line of ASCII in its headers", () => {
    expect(errorHeaders(error)).toEqual({
      "Nats-Service-Error-Code": "400",
      "Nats-Service-Error": "invalid-row: rows[3], field 'gr??e' is null??X: y",
    });
  });

  it("is retryable exactly when its number says so", () => {
    for (const { status, retryable } of Object.values(errorCodes)) {
      expect(retryable).toBe(status === 503 || status === 429);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
    }
  });

  it("of an actor keeps its word if that is one of ours", () => {
    const failure = { code: "as-of-too-old", message: "m", hint: undefined, retryable: true };
    expect(errorOfFailure(failure)).toEqual(clientError("as-of-too-old", "m"));
    expect(errorOfFailure({ ...failure, code: "toString" })).toMatchObject({ code: "internal" });
  });

  it("says how many rows would have fitted", () => {
    expect(payloadTooLarge(1_000, 8_000, 4_000)).toMatchObject({
      status: 413,
      hint: expect.stringContaining("about 500 such rows"),
    });
    expect(payloadTooLarge(2, 4_001, 4_000).hint).toContain("about 1 such");
    expect(payloadTooLarge(1, 5_000, 4_000).hint).toContain("single row");
    expect(payloadTooLarge(3, 50_000, 4_000).hint).toContain("single row");
  });
});

describe("a suggestion", () => {
  const known = ["limit", "filter", "outputFields"];

  it.each([
    ["limits", "did you mean 'limit'?"],
    ["LIMIT", "did you mean 'limit'?"],
    ["output_fields", "did you mean 'outputFields'?"],
    ["fitler", "did you mean 'filter'?"],
    ["x", "known are: limit, filter, outputFields"],
    ["y".repeat(100_000), "known are: limit, filter, outputFields"],
  ])("for %.20s", (word, text) => {
    expect(suggestion(word, known)).toBe(text);
  });
});
