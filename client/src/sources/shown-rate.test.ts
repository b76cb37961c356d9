import assert from 'node:assert/strict';
import type { Timing } from '../platform.ts';
import { shownRate, TELLING_MS } from './shown-rate.ts';

const NOW = 50_000;

/** 40 KB that came in 90 ms after 10 ms, a second ago. */
function timing(fields: Partial<Timing> = {}): Timing {
  const times = {
    requestStart: NOW - 1_100,
    responseStart: NOW - 1_090,
    responseEnd: NOW - 1_000,
  };
  const sizes = { encodedBodySize: 40_000, transferSize: 40_300 };
  return { name: 'https://blog.example/zauberflote.js', ...times, ...sizes, ...fields };
}

describe('shownRate', () => {
  const URL = 'https://blog.example/photos/1.jpg';

  it('is what the server gave last, without the round trip that TCP takes to find out how fast that is', () => {
    const page = timing({ name: 'https://blog.example/', encodedBodySize: 20_000 });
    assert.equal(shownRate(URL, [page, timing()], NOW), 500);
    assert.equal(shownRate(URL, [timing(), page], NOW), 250);
  });

  for (const [what, bytes, waitMs, ms, rate] of [
    // A round trip of 50 ms, and 26 for what is more than came with the first.
    ['a fast server over a distance', 40_000, 50, 76, 40_000 / 50],
    // Two more of them.
    ['a larger file from there', 90_000, 50, 175, 90_000 / 75],
    ['a slow line', 40_000, 20, 645, 40_000 / 625],
    ['a server that lets one wait', 40_000, 2_000, 40, 20],
    ['a line that is warm already', 40_000, 50, 5, 800],
    ['a busy server', 1_000_000, 2_000, 8_000, 1_000_000 / 7_400],
  ] as const)
    it(`is ${Math.round(rate)} bytes a ms of ${what}`, () => {
      const responseStart = NOW - 5_000 + waitMs;
      const times = { requestStart: NOW - 5_000, responseStart, responseEnd: responseStart + ms };
      const sizes = { encodedBodySize: bytes, transferSize: bytes + 300 };
      assert.equal(shownRate(URL, [timing({ ...times, ...sizes })], NOW), rate);
    });

  for (const [what, fields] of [
    ['another server', { name: 'https://cdn.example/zauberflote.js' }],
    ['another port', { name: 'https://blog.example:8443/zauberflote.js' }],
    ['a name that only begins alike', { name: 'https://blog.example.test/zauberflote.js' }],
    ['the cache', { transferSize: 0 }],
    ['the cache, after the server was asked', { transferSize: 300 }],
    ['a server that keeps the sizes to itself', { encodedBodySize: 0, transferSize: 0 }],
    ['so few bytes that they came in one round trip', { encodedBodySize: 9_000 }],
    ['long ago', { responseEnd: NOW - TELLING_MS }],
  ] as const)
    it(`does not show in what is from ${what}`, () => {
      assert.equal(shownRate(URL, [timing(fields)], NOW), 0);
    });

  it('is not known of an address that is none of the web', () => {
    for (const url of ['', '/photos/1.jpg', 'blob:https://blog.example/1', 'data:,1'])
      assert.equal(shownRate(url, [timing()], NOW), 0);
  });

  it('is finite where a clock is coarse', () => {
    const at = NOW - 1_000;
    const times = { requestStart: at, responseStart: at, responseEnd: at };
    assert.equal(shownRate(URL, [timing(times)], NOW), 40_000);
  });
});
