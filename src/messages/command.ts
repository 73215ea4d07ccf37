// Requests to the owner of a fact; they outlive the death of the one that was to answer.
import { z } from "zod";
import { type MessageOf, message, subjectToken } from "./define.js";
import { collectionSettings, newCollection } from "./records.js";

const commandFields = {
  proxy: subjectToken,
  request: subjectToken,
  /** Wall time in ms after which nobody executes this. */
  deadlineMs: z.number(),
};

/** The client's: the same for every attempt at the same change, also through another proxy. */
const changeFields = { ...commandFields, requestId: z.string().min(1) };

export const CreateCollection = message("CreateCollection", "command.coordinator", "command", {
  ...changeFields,
  database: z.string(),
  collection: newCollection,
});

/** Names the collection by id, so that a late one cannot drop a collection created since. */
export const DropCollection = message("DropCollection", "command.coordinator", "command", {
  ...changeFields,
  database: z.string(),
  name: z.string(),
  collectionId: subjectToken,
});

export const AlterCollection = message("AlterCollection", "command.coordinator", "command", {
  ...changeFields,
  database: z.string(),
  name: z.string(),
  collectionId: subjectToken,
  settings: collectionSettings.partial(),
});

/** What is on a host is to move to others, or no longer. */
export const DrainHost = message("DrainHost", "command.coordinator", "command", {
  ...changeFields,
  host: subjectToken,
  draining: z.boolean(),
  /** The process of the host ends once nothing is left on it. */
  stops: z.boolean(),
});

/** Asks the oracle for one timestamp: proxies extrapolate from it with their own clock. */
export const AllocateTimestamp = message("AllocateTimestamp", "command.oracle", "command", {
  ...commandFields,
});

/** Answered when all rows acknowledged before it stand in the object store. */
export const FlushChannel = message("FlushChannel", "command.data.{channel}", "command", {
  ...commandFields,
  channel: subjectToken,
});

export const commandMessages = [
  CreateCollection,
  DropCollection,
  AlterCollection,
  DrainHost,
  AllocateTimestamp,
  FlushChannel,
] as const;
export type CommandMessage = MessageOf<(typeof commandMessages)[number]>;
