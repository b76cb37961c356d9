import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Unsupported } from '../net/unsupported.ts';
import { choose, findBrowser, versionIn } from './programs.ts';

const chrome = { path: '/bin/chrome', version: '156.0.8078.79' };

describe('The browser and its driver', () => {
  it('have versions in what they print', () => {
    assert.equal(versionIn('Chromium 156.0.8078.79 built on Debian'), '156.0.8078.79');
    assert.equal(
      versionIn('ChromeDriver 157.0.1.2 (a21c-refs/branch-heads/8078@{#1704})'),
      '157.0.1.2',
    );
    assert.equal(versionIn('no such file'), undefined);
  });

  it('are a pair of the same major version, whichever driver comes first', () => {
    const drivers = [
      { path: '/npm/chromedriver', version: '157.0.0.1' },
      { path: '/bin/chromedriver', version: '156.0.1.1' },
    ];
    const pair = choose(chrome, drivers);
    assert.equal(pair.chromedriver, '/bin/chromedriver');
    assert.equal(pair.chromedriverVersion, '156.0.1.1');
  });

  it('are refused when they do not match, with both versions and the cure', () => {
    assert.throws(
      () => choose(chrome, [{ path: '/bin/chromedriver', version: '150.0.1.1' }]),
      /\/bin\/chrome is 156\.0\.8078\.79, but \/bin\/chromedriver is 150\.0\.1\.1\. Install chromedriver 156/,
    );
    assert.throws(() => choose(chrome, []), /there is no chromedriver\. Install chromedriver 156/);
  });
});

describe('The npm package chromedriver', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'zf-programs-'));
    program('bin/chromium', 'Chromium 156.0.8078.79 built on Debian');
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** A program that says its version, or does not run. */
  function program(path: string, says: string | undefined): string {
    const file = join(dir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, says === undefined ? 'not a program' : `#!/bin/sh\necho '${says}'\n`);
    chmodSync(file, 0o755);
    return file;
  }

  /** The package as npm unpacks it, which its install script gives the driver. */
  function install(says?: string): string {
    const home = join(dir, 'node_modules/chromedriver');
    mkdirSync(home, { recursive: true });
    writeFileSync(
      join(home, 'package.json'),
      '{ "name": "chromedriver", "main": "lib/chromedriver" }',
    );
    const path = 'node_modules/chromedriver/lib/chromedriver/chromedriver';
    return says === undefined ? '' : program(path, says);
  }

  const found = (variables: Record<string, string> = {}) =>
    findBrowser({ PATH: join(dir, 'bin'), ...variables }, join(dir, 'index.js'));

  it('comes before the driver of PATH', () => {
    program('bin/chromedriver', 'ChromeDriver 156.0.8078.79 (a21c)');
    const path = install('ChromeDriver 156.0.1.2 (b33d)');
    const { chromedriver, chromedriverVersion } = found();
    assert.deepEqual([chromedriver, chromedriverVersion], [path, '156.0.1.2']);
  });

  it('gives way to the driver of PATH when it is of another version', () => {
    const path = program('bin/chromedriver', 'ChromeDriver 156.0.8078.79 (a21c)');
    install('ChromeDriver 157.0.1.2 (b33d)');
    assert.equal(found().chromedriver, path);
  });

  it('gives way to it also when its download failed, or is for another processor', () => {
    const path = program('bin/chromedriver', 'ChromeDriver 156.0.8078.79 (a21c)');
    install();
    assert.equal(found().chromedriver, path);
    program('node_modules/chromedriver/lib/chromedriver/chromedriver', undefined);
    assert.equal(found().chromedriver, path);
  });

  it('is named with its version and the cure when it alone is there and does not fit', () => {
    const path = install('ChromeDriver 157.0.1.2 (b33d)');
    assert.throws(found, (error) => {
      assert.ok(error instanceof Unsupported);
      assert.ok(error.message.includes(`chromium is 156.0.8078.79, but ${path} is 157.0.1.2. `));
      assert.match(error.message, /npm install chromedriver@156/);
      return true;
    });
  });

  it('does not come before CHROMEDRIVER, and nothing takes its place if that does not fit', () => {
    install('ChromeDriver 156.0.1.2 (b33d)');
    const own = program('own/driver', 'ChromeDriver 156.0.3.3 (c44e)');
    assert.equal(found({ CHROMEDRIVER: own }).chromedriver, own);
    program('own/driver', 'ChromeDriver 150.0.3.3 (c44e)');
    assert.throws(
      () => found({ CHROMEDRIVER: own }),
      /but [^,]*own\/driver is 150\.0\.3\.3\. Install/,
    );
  });
});
