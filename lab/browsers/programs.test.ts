import assert from 'node:assert/strict';
import { choose, versionIn } from './programs.ts';

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
