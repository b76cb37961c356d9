import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { asOrdinaryUser } from '../net/ordinary-user.ts';

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const MODULE = join(CHECKOUT, 'lab/runner/temporary.ts');

describe('The temporary folder of a bench', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'zf-temporary-'));
    chmodSync(dir, 0o777);
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('does not change the exit code when it cannot be removed, and goes as soon as it can', async () => {
    const program = `
      const { temporary } = await import(process.argv[1]);
      const { mkdirSync, writeFileSync, chmodSync } = await import('node:fs');
      const locked = temporary() + '/locked';
      mkdirSync(locked);
      writeFileSync(locked + '/file', '');
      chmodSync(locked, 0);
      console.log(locked);
      process.exitCode = 3;`;
    // Root may remove anything.
    const child = asOrdinaryUser(dir, ['--input-type=module', '-e', program, MODULE], {
      env: { ...process.env, TMPDIR: dir, NODE_V8_COVERAGE: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let locked = '';
    let complaint = '';
    child.stdout?.on('data', (data) => (locked += data));
    child.stderr?.on('data', (data) => (complaint += data));
    const [code] = await once(child, 'close');
    assert.equal(code, 3, complaint);
    assert.equal(complaint, '');
    locked = locked.trim();
    assert.ok(existsSync(locked), 'it could be removed: nothing was put to the test');
    chmodSync(locked, 0o777);
    while (existsSync(locked)) await sleep(50);
  });
});
