import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conditions, start } from './conditions.ts';

describe('Under what a load is measured', () => {
  it('is not said to be without changes where git cannot tell', () => {
    const dir = mkdtempSync(join(tmpdir(), 'zf-load-'));
    try {
      const { commit, dirty, notes } = conditions({
        packages: {},
        seed: 1,
        options: {},
        started: start(dir),
        notes: ['of its own'],
      });
      assert.deepEqual([commit, dirty], ['unknown', null]);
      assert.match(
        notes.join('\n'),
        /^which commit was measured.*not a git repository.*\nof its own$/s,
      );
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
