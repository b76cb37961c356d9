/** What may stop it before it is done, and the exit status by which shells know. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** What can be said about a failure to read or write. */
const FILE_ERRORS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
};

/** Something that writes where nobody looks until all of it is there. */
export interface Unfinished {
  /** Not while what it wrote takes its place. */
  readonly mayStop: boolean;
  /** Leaves nothing behind, at once. */
  discard(): void;
}

/** Runs `work`, which writes and commits; when it fails or a signal ends the process, nothing of it is left. */
export async function allOrNothing<T>(writer: Unfinished, work: () => Promise<T>): Promise<T> {
  const stop = (signal: keyof typeof SIGNALS) => {
    if (!writer.mayStop) return;
    writer.discard();
    // Whoever else listens, of a program that uses this one, decides what comes of it.
    if (process.listenerCount(signal) === 1) process.exit(SIGNALS[signal]);
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal, stop);
  try {
    return await work();
  } catch (error) {
    writer.discard();
    throw error;
  } finally {
    for (const signal of Object.keys(SIGNALS)) process.removeListener(signal, stop);
  }
}

/** An error, as a sentence. */
export function inWords(error: unknown): string {
  const { code, path, message } = error as NodeJS.ErrnoException;
  return code && FILE_ERRORS[code] ? `${path}: ${FILE_ERRORS[code]}` : message;
}
