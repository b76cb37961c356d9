import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout } from './conditions.ts';

describe('What was measured', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'zf-checkout-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is a commit, with or without changes', () => {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: dir, encoding: 'utf8' });
    git('init', '--quiet');
    const who = ['-c', 'user.name=lab', '-c', 'user.email=lab@example.org'];
    git(...who, 'commit', '--quiet', '--allow-empty', '--message=first');
    const commit = git('rev-parse', 'HEAD').trim();
    assert.deepEqual(checkout(dir), { commit, dirty: false, notes: [] });
    writeFileSync(join(dir, 'new'), '');
    assert.deepEqual(checkout(dir), { commit, dirty: true, notes: [] });
  });

  it('is unknown where git cannot tell, which is not the same as changed', () => {
    const { commit, dirty, notes } = checkout(dir);
    assert.deepEqual([commit, dirty], ['unknown', null]);
    assert.match(notes.join(), /which commit was measured.*: fatal: not a git repository/);
  });

  it('is unknown where there is no git', () => {
    const path = process.env.PATH;
    process.env.PATH = dir;
    try {
      const { dirty, notes } = checkout(dir);
      assert.equal(dirty, null);
      assert.match(notes.join(), /ENOENT/);
    } finally {
      process.env.PATH = path;
    }
  });
});
