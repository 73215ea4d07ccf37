// An S3 of one process for tests: s3rver, as a child.
// Its writes are neither atomic nor synced and its conditional puts are unconditional: what passes
// with it says nothing about those.
import { createRequire } from "node:module";
import { bodyOf, portOf, type ServerPlace } from "./plan-parts.js";
import { type ServerProcess, startServerProcess } from "./server-process.js";

/** `endpoint` wants path-style requests. */
export interface S3Server extends ServerProcess {
  /** Exists already. */
  readonly bucket: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

const bucket = "elanus";
/** The only ones that s3rver knows. */
const credentials = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };

export async function startS3(place: ServerPlace): Promise<S3Server> {
  const port = await portOf(place);
  const endpoint = `http://127.0.0.1:${port}`;
  const program = createRequire(import.meta.url).resolve("s3rver/bin/s3rver.js");
  const plan = {
    name: "s3",
    endpoint,
    program: process.execPath,
    directory: place.directory,
    args: [
      ...[program, "--directory", `${place.directory}/data`],
      ...["--address", "127.0.0.1", "--port", `${port}`, "--no-vhost-buckets", "--silent"],
      ...["--configure-bucket", bucket],
    ],
    answers: async () => (await bodyOf(endpoint)) !== undefined,
  };
  return startServerProcess(plan, { bucket, credentials });
}
