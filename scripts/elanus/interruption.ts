// The ways in which a command is told to end, as one promise.

/** Resolves at the first signal, or when the parent is gone; the second one ends at once. */
export function interruption(): Promise<string> {
  return new Promise((done) => {
    let isTold = false;
    const tell = (reason: string) => {
      if (isTold) process.exit(1);
      isTold = true;
      done(reason);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => tell(signal));
    }
    process.once("disconnect", () => tell("the parent process is gone"));
  });
}
