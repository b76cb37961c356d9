import type { BigIntStats } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_FILES } from './limits.ts';

/** A file that may be seeded. */
export interface FoundFile {
  /** Without symbolic links. */
  readonly path: string;
  /** As the user would name it. */
  readonly name: string;
  readonly size: number;
  /** See {@link stateOf}. */
  readonly state: string;
  /** That of the manifest beside it, `path.zf`, if there is one. */
  readonly manifestState: string | undefined;
}

export interface Findings {
  /** By path, in the order of names. */
  readonly files: Map<string, FoundFile>;
  /** What could not be looked at, and why, by name. */
  readonly problems: Map<string, string>;
}

/**
 * Another one when a file was replaced or written to. Not when its owner or mode was changed: then all of a folder would
 * have to be hashed anew. (It is the hashes of chunks that say whether bytes are right.)
 */
export function stateOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

/** What can be said about a failure to read. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'there is no such file or folder',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  ELOOP: 'it is a symbolic link that leads nowhere',
};

export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? message;
}

/**
 * Looks for the files that are named, and those in the folders that are named and in folders there. Not for hidden ones,
 * manifests (`.zf`) and empty ones, nor through symbolic links in folders: one may lead to what nobody should see, and what
 * is in the folder is found without.
 * @param signal when it says so, what was found until then is all
 */
export async function findFiles(named: readonly string[], signal?: AbortSignal): Promise<Findings> {
  const findings: Findings = { files: new Map(), problems: new Map() };
  for (const name of named)
    try {
      // Each time anew: sites are often put in place by turning a symbolic link to another folder.
      const path = await realpath(name);
      const stats = await stat(path, { bigint: true });
      if (stats.isDirectory()) await walk(path, name, findings, signal);
      else if (name.endsWith('.zf')) findings.problems.set(name, 'it is a manifest by its name');
      else if (!stats.isFile()) findings.problems.set(name, 'it is no regular file');
      else add(findings, path, name, stats, await manifestState(path));
    } catch (error) {
      findings.problems.set(name, reasonOf(error));
    }
  return findings;
}

async function walk(
  path: string,
  name: string,
  findings: Findings,
  signal: AbortSignal | undefined,
): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true });
  const names = new Set(entries.map((entry) => entry.name));
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name.endsWith('.zf')) continue;
    if (signal?.aborted) return;
    if (findings.files.size >= MAX_FILES)
      return void findings.problems.set(
        name,
        `only ${MAX_FILES} files are looked at; name fewer folders`,
      );
    const [inner, shown] = [join(path, entry.name), join(name, entry.name)];
    try {
      // Some file systems do not say in their listing what an entry is.
      const stats = await lstat(inner, { bigint: true });
      if (stats.isDirectory()) await walk(inner, shown, findings, signal);
      else if (stats.isFile()) {
        const hasManifest = names.has(`${entry.name}.zf`);
        add(findings, inner, shown, stats, hasManifest ? await manifestState(inner) : undefined);
      }
    } catch (error) {
      findings.problems.set(shown, reasonOf(error));
    }
  }
}

function add(
  { files }: Findings,
  path: string,
  name: string,
  stats: BigIntStats,
  manifestState: string | undefined,
): void {
  const size = Number(stats.size);
  // Of nothing there is nothing to send.
  if (size === 0 || files.has(path)) return;
  files.set(path, { path, name, size, state: stateOf(stats), manifestState });
}

async function manifestState(path: string): Promise<string | undefined> {
  try {
    const stats = await lstat(`${path}.zf`, { bigint: true });
    return stats.isFile() ? stateOf(stats) : undefined;
  } catch {
    return undefined;
  }
}
