import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { needFolder } from './convert-site.ts';
import { readStamp } from './stamp.ts';
import { isInside } from './walk.ts';

export interface FolderFlags {
  readonly site: string;
  readonly out: string | undefined;
  /** Nothing is written. */
  readonly check: boolean;
  readonly force: boolean;
}

/**
 * Without links, absolute.
 * @throws {Error} if one is in the other, or is not to be replaced
 */
export async function foldersOf(flags: FolderFlags): Promise<{ site: string; out: string }> {
  await needFolder(flags.site);
  const site = await realpath(flags.site);
  if (flags.out === undefined) return { site, out: site };
  const out = await real(resolve(flags.out));
  if (isInside(site, out) || isInside(out, site))
    throw new Error(`--out ${flags.out} and the site are not apart; take a folder beside it`);
  if (flags.check || flags.force) return { site, out };
  const there = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new Error(`--out ${flags.out} is no folder that can be read`);
  });
  if (there.length > 0 && !(await readStamp(out)))
    throw new Error(
      `--out ${flags.out} has files that this command did not write; empty it, take another folder, or replace it all with --force`,
    );
  return { site, out };
}

/** Without links, also of what is not there yet. */
async function real(path: string): Promise<string> {
  const found = await realpath(path).catch(() => undefined);
  if (found !== undefined) return found;
  const parent = dirname(path);
  return parent === path ? path : join(await real(parent), basename(path));
}
