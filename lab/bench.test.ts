import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BENCH = fileURLToPath(new URL('bench.ts', import.meta.url));

describe('Wrong options of a bench', () => {
  it('end it with 2, and a way to its help that works where Node is too old for it', () => {
    const { status, stderr } = spawnSync(process.execPath, [BENCH, 'none'], { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.match(stderr, /^bench: no scenario is called 'none'.*\nTry: npm run bench -- --help\n$/);
  });
});

describe('The folder for the results of a bench', () => {
  for (const trace of ['results.jsonl', 'summary.json', 'access-origin.log'])
    it(`is refused where another run has left its ${trace}`, () => {
      const dir = mkdtempSync(join(tmpdir(), 'zf-bench-out-'));
      try {
        writeFileSync(join(dir, trace), '');
        const { status, stderr } = spawnSync(process.execPath, [BENCH, 'lone', '--out', dir], {
          encoding: 'utf8',
          timeout: 20_000,
        });
        assert.match(stderr, /holds the results of another run; name another folder/);
        assert.equal(status, 2);
        assert.deepEqual(readdirSync(dir), [trace]);
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    });

  it('is no file', () => {
    const dir = mkdtempSync(join(tmpdir(), 'zf-bench-out-'));
    try {
      const file = join(dir, 'notes.txt');
      writeFileSync(file, 'mine');
      const { status, stderr } = spawnSync(process.execPath, [BENCH, 'lone', '--out', file], {
        encoding: 'utf8',
        timeout: 20_000,
      });
      assert.match(stderr, /notes\.txt is not a folder; name another folder/);
      assert.equal(status, 2);
      assert.equal(readFileSync(file, 'utf8'), 'mine');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('is as it was before where there is no browser', () => {
    const dir = mkdtempSync(join(tmpdir(), 'zf-bench-out-'));
    try {
      for (const out of [dir, join(dir, 'new')]) {
        const { status, stderr } = spawnSync(process.execPath, [BENCH, 'lone', '--out', out], {
          encoding: 'utf8',
          timeout: 20_000,
          env: { ...process.env, CHROME_BIN: join(dir, 'none') },
        });
        assert.equal(status, 3, stderr);
        assert.match(stderr, /^bench: CHROME_BIN is .*, which is not a program.*\n$/);
        assert.deepEqual(readdirSync(dir), []);
      }
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('A bench without a temporary folder', () => {
  it('says so in one line, and leaves the folder for the results to the next try', () => {
    const dir = mkdtempSync(join(tmpdir(), 'zf-bench-out-'));
    try {
      const { status, stderr } = spawnSync(process.execPath, [BENCH, 'lone', '--out', dir], {
        encoding: 'utf8',
        timeout: 20_000,
        env: { ...process.env, TMPDIR: join(dir, 'none') },
      });
      assert.equal(status, 3, stderr);
      assert.match(stderr, /^bench: no temporary folder can be made \(.*\): let TMPDIR name .*\n$/);
      assert.deepEqual(readdirSync(dir), []);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('A bench whose output nobody reads to its end', () => {
  it('measures all, and writes its summary and report', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'zf-bench-out-'));
    try {
      const args = ['lone', '--rate', '0', '--modes', 'http', '--runs', '1', '--out', dir];
      const child = spawn(process.execPath, [BENCH, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      child.stderr.on('data', (data) => (said += data));
      child.stdout.destroy();
      const [code] = await once(child, 'close');
      assert.equal(code, 0, said);
      const { verdict } = JSON.parse(readFileSync(join(dir, 'summary.json'), 'utf8'));
      assert.equal(verdict, 'ok');
      assert.ok(readdirSync(dir).includes('report.html'));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
