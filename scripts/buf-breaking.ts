/**
 * Checks that the protocol stays compatible: the working tree against the last commit if it
 * differs from it, else the last commit that changed the protocol against the one before. So the newest
 * change is checked whatever was committed after it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROTOCOL = 'proto/zauberflote';
const BUF = fileURLToPath(new URL('../node_modules/.bin/buf', import.meta.url));

export interface Outcome {
  readonly ok: boolean;
  readonly message: string;
}

/** @param root of the checkout @throws {Error} if it is not one. */
export function checkBreaking(root: string): Outcome {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
  const commit = (revision: string) =>
    spawnSync('git', ['-C', root, 'rev-parse', '-q', '--verify', `${revision}^{commit}`], {
      encoding: 'utf8',
    }).stdout.trim();

  git('rev-parse', '--git-dir');
  const head = commit('HEAD');
  const changed = head !== '' && git('status', '--porcelain', '--', PROTOCOL) !== '';
  const last = head && git('log', '-1', '--format=%H', '--', PROTOCOL);
  const base = changed ? head : last && commit(`${last}^`);
  if (!base || git('ls-tree', '--name-only', base, '--', PROTOCOL) === '') {
    const shallow = git('rev-parse', '--is-shallow-repository') === 'true';
    const cure = shallow ? ' This clone is shallow: "git fetch --unshallow" brings the past.' : '';
    return { ok: true, message: `Nothing to compare with: no earlier protocol here.${cure}` };
  }

  const folder = mkdtempSync(join(tmpdir(), 'zf-breaking-'));
  try {
    const archive = join(folder, 'base.tar');
    git('archive', '-o', archive, base, '--', PROTOCOL);
    execFileSync('tar', ['-xf', archive, '-C', folder]);
    copyFileSync(join(root, 'buf.yaml'), join(folder, 'buf.yaml'));
    const { status, stdout, stderr } = spawnSync(BUF, ['breaking', '--against', folder], {
      cwd: root,
      encoding: 'utf8',
    });
    const what = changed ? 'The working tree' : `Commit ${last.slice(0, 10)}`;
    return status === 0
      ? { ok: true, message: `${what} breaks nothing of ${base.slice(0, 10)}.` }
      : { ok: false, message: `${what} against ${base.slice(0, 10)}:\n${stdout}${stderr}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const { ok, message } = checkBreaking(fileURLToPath(new URL('..', import.meta.url)));
  console.log(message);
  if (!ok) process.exitCode = 1;
}
