// One declaration gives a message its kind, version, subject, durability, schema and static type.
import { pack, unpack } from "msgpackr";
import { z } from "zod";

/**
 * What JetStream does with a message (see `streams.ts` for the settings).
 * log: kept and replayed in order. announcement: may be lost or repeated. command, task, query:
 * a work queue, done by one consumer, redelivered when it dies. reply: short-lived.
 */
export type Durability = "log" | "announcement" | "command" | "task" | "query" | "reply";

type FieldsOf<Subject extends string> = Subject extends `${string}{${infer Field}}${infer Rest}`
  ? Field | FieldsOf<Rest>
  : never;

/** A token that may stand in a NATS subject: no dots, no wildcards, no white space. */
export const subjectToken = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);
export const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, "bytes expected");
export const sequence = z.number().int().min(0);
/** A hybrid timestamp: 46 bits of milliseconds since 1970, 18 bits of logical counter. */
export const timestamp = z.bigint().min(0n);

export type Decoded<Message> = { ok: true; message: Message } | { ok: false; reason: string };

export interface MessageDefinition<Kind extends string = string, Body = unknown> {
  readonly kind: Kind;
  readonly version: number;
  readonly subject: string;
  readonly durability: Durability;
  /** The subject with `*` for each field: what a consumer of all of them listens to. */
  readonly filter: string;
  create(body: Body): { kind: Kind } & Body;
  encode(message: { kind: Kind } & Body): Uint8Array;
  decode(body: Uint8Array): Decoded<{ kind: Kind } & Body>;
  subjectOf(fields: Readonly<Record<string, unknown>>): string;
}

export type MessageOf<Definition> =
  Definition extends MessageDefinition<infer Kind, infer Body> ? { kind: Kind } & Body : never;

/** `{field}` in a subject must name a string field, so no message can disagree with its address. */
export function message<
  Kind extends string,
  Subject extends string,
  Shape extends z.ZodRawShape & Record<FieldsOf<Subject>, z.ZodType<string>>,
>(kind: Kind, subject: Subject, durability: Durability, shape: Shape) {
  type Body = z.infer<z.ZodObject<Shape>>;
  const schema = z.object(shape);
  const definition: MessageDefinition<Kind, Body> = {
    kind,
    version: 1,
    subject,
    durability,
    filter: subject.replace(/\{\w+\}/g, "*"),
    create: (body) => ({ kind, ...(schema.parse(body) as Body) }),
    encode: ({ kind: _kind, ...body }) => pack(body),
    decode: (body) => decodeBody(kind, schema as unknown as z.ZodType<Body>, body),
    subjectOf: (fields) => subject.replace(/\{(\w+)\}/g, (_, field) => token(kind, fields[field])),
  };
  return definition;
}

function decodeBody<Kind extends string, Body>(
  kind: Kind,
  schema: z.ZodType<Body>,
  body: Uint8Array,
): Decoded<{ kind: Kind } & Body> {
  try {
    const parsed = schema.safeParse(unpack(body));
    if (!parsed.success) return { ok: false, reason: `${kind}: ${z.prettifyError(parsed.error)}` };
    return { ok: true, message: { kind, ...parsed.data } };
  } catch (error) {
    return { ok: false, reason: `${kind}: not MessagePack (${String(error)})` };
  }
}

function token(kind: string, value: unknown): string {
  const parsed = subjectToken.safeParse(value);
  if (!parsed.success) throw new Error(`${kind}: '${String(value)}' cannot stand in a subject`);
  return parsed.data;
}
