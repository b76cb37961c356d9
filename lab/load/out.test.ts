import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkOut } from './out.ts';

describe('The file for a result', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'zf-out-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is left as it was by being checked', () => {
    const file = join(dir, 'a.json');
    checkOut(file);
    assert.equal(existsSync(file), false);
    writeFileSync(file, 'what was measured before');
    checkOut(file);
    assert.equal(readFileSync(file, 'utf8'), 'what was measured before');
  });

  it('is refused with the cause where it cannot be one', () => {
    assert.throws(() => checkOut(''), /needs the name of a file/);
    assert.throws(() => checkOut(dir), /it is a folder; name a file/);
    assert.throws(() => checkOut(join(dir, 'no/a.json')), /its folder does not exist/);
  });

  for (const program of [
    'load/main.ts',
    'load/soak-main.ts',
    'load/hostile-main.ts',
    'sim/main.ts',
  ])
    it(`is looked at before ${program} measures anything`, () => {
      const path = fileURLToPath(new URL(`../${program}`, import.meta.url));
      const { status, stdout, stderr } = spawnSync(process.execPath, [path, '--out', dir], {
        encoding: 'utf8',
        timeout: 20_000,
      });
      assert.match(stderr, /--out: cannot write .*it is a folder/);
      assert.equal(stderr.includes('    at '), false, 'no stack');
      assert.deepEqual([status, stdout], [2, '']);
    });
});
