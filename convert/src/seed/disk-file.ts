import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Content } from '@zauberflote/client/src/integrity/content-id.ts';
import { stateOf } from './find-files.ts';

/** A file whose bytes are known by their hashes. */
export interface DiskFile {
  readonly path: string;
  readonly name: string;
  readonly size: number;
  /** When it was hashed, see stateOf(). */
  readonly state: string;
  readonly manifestState: string | undefined;
  /** In bytes, of every chunk but the last. */
  readonly chunkSize: number;
  /** What pages with its `zf1-` id need first. */
  readonly manifest: Uint8Array<ArrayBuffer>;
  /** SHA-256 of each chunk, 32 bytes each. */
  readonly hashes: Uint8Array;
  /** What pages may call it. */
  readonly contents: readonly Content[];
}

/** A file is not any more what it was when it was found. */
export class ChangedError extends Error {}

/**
 * Opens a file as it was found.
 * @throws {ChangedError} if it is another, or was written to
 */
export async function openAs(path: string, state: string): Promise<FileHandle> {
  // A pipe that has taken its place would else keep one of few threads waiting for who writes to it; and a link there
  // must not be followed. (Windows has neither flag.)
  const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = constants;
  const handle = await open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile() || stateOf(stats) !== state) throw new ChangedError('it was changed');
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}
