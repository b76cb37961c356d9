import { lstat, readdir, readlink, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

/** What a site's folder holds. Paths are from there, with slashes. */
export type Entry =
  | { readonly kind: 'folder' | 'file'; readonly path: string; readonly mode: number }
  /** Leads to another place in the site: `to`, relative to where the link is; `real`, where that is in the end. */
  | { readonly kind: 'link'; readonly path: string; readonly to: string; readonly real: string };

/** What was left out, and why. */
export interface LeftOut {
  readonly path: string;
  readonly why: string;
}

export interface Walked {
  readonly entries: readonly Entry[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * Everything in a folder, sorted by path so that each run says the same. Links are not followed: one that leads out of
 * the folder would publish what is no part of the site.
 */
export async function walk(root: string): Promise<Walked> {
  const entries: Entry[] = [];
  const leftOut: LeftOut[] = [];
  const realRoot = await realpath(root);
  const visit = async (folder: string): Promise<void> => {
    const names = await readdir(join(realRoot, folder));
    for (const name of names.toSorted()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const absolute = join(realRoot, path);
      const stat = await lstat(absolute);
      if (stat.isSymbolicLink()) {
        const way = await linkWithin(realRoot, absolute);
        if (way) entries.push({ kind: 'link', path, ...way });
        else leftOut.push({ path, why: 'it is a link that leads out of the site, or nowhere' });
      } else if (stat.isDirectory()) {
        if (name === '.git') {
          leftOut.push({ path, why: 'a repository is no part of a site' });
          continue;
        }
        entries.push({ kind: 'folder', path, mode: stat.mode & 0o7777 });
        await visit(path);
      } else if (stat.isFile()) entries.push({ kind: 'file', path, mode: stat.mode & 0o7777 });
      else leftOut.push({ path, why: 'it is no regular file' });
    }
  };
  await visit('');
  return { entries, leftOut };
}

/** Where a link leads, if all of its way is in the folder. */
async function linkWithin(
  root: string,
  link: string,
): Promise<{ to: string; real: string } | undefined> {
  const real = await realpath(link).catch(() => undefined);
  if (real === undefined || !isInside(root, real)) return undefined;
  const target = resolve(dirname(link), await readlink(link));
  // By another way it may be named, it would not lead there from the copy.
  const near = isInside(root, target) ? target : real;
  const to = relative(dirname(link), near) || '.';
  return { to, real: relative(root, real).split(sep).join('/') };
}

/** Whether a path is a folder or in it; both absolute. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}
