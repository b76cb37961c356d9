import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

describe('a rejection that nobody hears of', () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const folder = mkdtempSync(join(root, '.mocha-'));
  after(() => rmSync(folder, { recursive: true }));

  it('fails the test it comes in, and no other', () => {
    const file = join(folder, 'rejecting.test.mjs');
    writeFileSync(
      file,
      `const pause = () => new Promise((resolve) => setTimeout(resolve, 20));
      it('rejects', () => { Promise.reject(new Error('lost')); return pause(); });
      it('rejects in time', () => pause().then(() => Promise.reject(1).catch(() => {})));
      it('goes on', pause);`,
    );
    const mocha = fileURLToPath(import.meta.resolve('mocha/bin/mocha.js'));
    const args = [mocha, '--reporter', 'json', file];
    const { stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    const { passes, failures } = JSON.parse(stdout);
    // Mocha reports it once more when the test ends.
    const titles = (tests: { title: string }[]) => [...new Set(tests.map(({ title }) => title))];
    assert.deepEqual(
      [titles(passes), titles(failures), failures[0].err.message],
      [['rejects in time', 'goes on'], ['rejects'], 'lost'],
    );
  });
});
