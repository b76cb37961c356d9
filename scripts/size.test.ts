import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drift, measure, page, parse, table } from './size.ts';

const SIZES = [
  { file: 'a.js', raw: 123456, gzip: 10000, brotli: 900 },
  { file: 'b.mjs', raw: 12, gzip: 32, brotli: 16 },
];

describe('size', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zf-size-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('measures every script and nothing else, in order of name', () => {
    for (const [name, bytes] of Object.entries({ 'z.mjs': 9, 'a.js': 5, 'index.d.ts': 3 })) {
      writeFileSync(join(folder, name), 'a'.repeat(bytes));
      writeFileSync(join(folder, `${name}.gz`), 'b'.repeat(bytes - 1));
      writeFileSync(join(folder, `${name}.br`), 'c'.repeat(bytes - 2));
    }
    assert.deepEqual(measure(folder), [
      { file: 'a.js', raw: 5, gzip: 4, brotli: 3 },
      { file: 'z.mjs', raw: 9, gzip: 8, brotli: 7 },
    ]);
  });

  it('says to build first when there is nothing', () => {
    assert.throws(() => measure(folder), /npm run build/);
    writeFileSync(join(folder, 'a.js'), 'not compressed');
    assert.throws(() => measure(folder), /npm run build/);
    assert.throws(() => measure(join(folder, 'nothing')), /npm run build/);
  });

  it('reads the table it writes', () => {
    assert.deepEqual(parse(page(SIZES)), SIZES);
    assert.match(table(SIZES), /^\| a\.js {2}\| 123,456 \| 10,000 \| {4}900 \|$/m);
  });

  it('lets a size differ by 1 % and not by more', () => {
    const with_ = (gzip: number) => [{ ...SIZES[0]!, gzip }, SIZES[1]!];
    assert.deepEqual(drift(SIZES, SIZES), []);
    for (const gzip of [9900, 10100]) assert.deepEqual(drift(SIZES, with_(gzip)), []);
    for (const gzip of [9899, 10101])
      assert.deepEqual(drift(SIZES, with_(gzip)), [`a.js, gzip: ${gzip} bytes instead of 10000.`]);
  });

  it('misses files that are not in the table, and those that were not built', () => {
    assert.deepEqual(drift(SIZES.slice(1), SIZES), ['a.js is not in the table.']);
    assert.deepEqual(drift(SIZES, SIZES.slice(1)), ['a.js was not built.']);
    assert.equal(drift(parse('no table'), SIZES).length, 2);
  });
});

describe('npm run size', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [fileURLToPath(new URL('size.ts', import.meta.url)), ...args], {
      encoding: 'utf8',
    });

  it('says what it takes, and refuses anything else', () => {
    const help = run('--help');
    assert.equal(help.status, 0, help.stderr);
    for (const option of ['--table', '--write', '--check', '--help'])
      assert.ok(help.stdout.includes(`\n  ${option} `), option);
    assert.equal(run('--no-such').status, 2);
  });
});
