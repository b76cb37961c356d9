import { closeSync, existsSync, openSync, rmSync } from 'node:fs';

/**
 * Makes sure, before anything is measured, that its result can be written to a file.
 * @throws {Error} for people
 */
export function checkOut(out: string): void {
  if (out === '') throw new Error('--out needs the name of a file');
  const isNew = !existsSync(out);
  try {
    closeSync(openSync(out, 'a'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === 'EISDIR'
        ? 'it is a folder; name a file'
        : code === 'ENOENT'
          ? 'its folder does not exist'
          : message;
    throw new Error(`--out: cannot write ${out}: ${why}`);
  }
  if (isNew) rmSync(out);
}
