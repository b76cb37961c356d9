import { readFileSync, statSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { MAX_KEY_FILE_BYTES } from '../limits.ts';
import type { TokenKey } from './keys.ts';
import { KeyError, readKeys } from './keys.ts';

/** Settings that name files of keys. */
export type KeySetting = 'token-keys-file' | 'publish-keys-file';

export interface KeyFileOptions {
  readonly path: string;
  /** What named it. */
  readonly setting: KeySetting;
  /** Pause between two looks at it, in milliseconds. */
  readonly pollMs: number;
  /** Hears of each new content: the keys that were taken, or why none were; then those before stay. */
  readonly onChange: (result: readonly TokenKey[] | Error) => void;
}

/**
 * The public keys in a file that may change. All of it is read again and again: notices of changes
 * do not come from network file systems, or where the folder is replaced (Kubernetes).
 */
export class KeyFile {
  readonly #options: KeyFileOptions;
  readonly #timer: NodeJS.Timeout;
  #keys: readonly TokenKey[];
  /** What was found last: its bytes, or why there are none. */
  #found: string;
  #state: 'watching' | 'closed' = 'watching';

  /** @throws {KeyError} also if it cannot be read */
  constructor(options: KeyFileOptions) {
    this.#options = options;
    const { path, setting, pollMs } = options;
    const content = readNow(path);
    this.#found = content.toString('latin1');
    this.#keys = keysIn(content, path, setting);
    this.#timer = setTimeout(() => void this.#look(), pollMs).unref();
  }

  get keys(): readonly TokenKey[] {
    return this.#keys;
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { path, setting, onChange } = this.#options;
    const content = await readAgain(path);
    if (this.#state === 'closed') return;
    this.#timer.refresh();
    const found = content instanceof Error ? content.message : content.toString('latin1');
    if (found === this.#found) return;
    this.#found = found;
    if (content instanceof Error) return onChange(content);
    try {
      this.#keys = keysIn(content, path, setting);
    } catch (error) {
      return onChange(error as Error);
    }
    onChange(this.#keys);
  }
}

/** @throws {KeyError} */
export function readNow(path: string): Buffer {
  try {
    return statSync(path).size > MAX_KEY_FILE_BYTES ? tooLarge(path) : readFileSync(path);
  } catch (error) {
    throw asKeyError(path, error);
  }
}

async function readAgain(path: string): Promise<Buffer | KeyError> {
  let file: FileHandle | undefined;
  try {
    // Once, or a file that goes between two looks would be two kinds of trouble.
    file = await open(path);
    const { size } = await file.stat();
    return size > MAX_KEY_FILE_BYTES ? tooLarge(path) : await file.readFile();
  } catch (error) {
    return asKeyError(path, error);
  } finally {
    await file?.close().catch(() => {});
  }
}

function keysIn(content: Buffer, path: string, setting: KeySetting): TokenKey[] {
  try {
    return readKeys(content, 'public');
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    throw new KeyError(`${path} (--${setting}): ${error.message}`);
  }
}

function asKeyError(path: string, error: unknown): KeyError {
  if (error instanceof KeyError) return error;
  return new KeyError(`${path} cannot be read: ${(error as Error).message}`);
}

function tooLarge(path: string): never {
  throw new KeyError(
    `${path} is larger than ${MAX_KEY_FILE_BYTES} bytes, so it is no file of keys.`,
  );
}
