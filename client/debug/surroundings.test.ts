import assert from 'node:assert/strict';
import type { Stats } from '../src/download/download-manager.ts';
import { type Seen, trackerText, troubles } from './surroundings.ts';

const stats = (tracker: Stats['tracker']): Stats => ({
  tracker,
  ownId: undefined,
  connections: 0,
  downloads: 0,
  assets: 0,
  bytes: { peers: 0, origin: 0, store: 0, uploaded: 0 },
});
const GOOD: Seen = {
  stats: stats('open'),
  isLoaded: true,
  isSecure: true,
  hasWebRtc: true,
  hasWebSocket: true,
  marks: 1,
};

describe('What the panel says of a page', () => {
  it('is nothing where all is well, or may still become so', () => {
    assert.deepEqual(troubles(GOOD), []);
    assert.deepEqual(troubles({ ...GOOD, stats: undefined, isLoaded: false, marks: 0 }), []);
    assert.equal(
      trackerText({ ...GOOD, stats: undefined, isLoaded: false }),
      'the client is loading',
    );
  });

  for (const [what, seen, says] of [
    ['no WebRTC', { hasWebRtc: false }, /no WebRTC/],
    ['no WebSocket', { hasWebSocket: false }, /no WebSocket/],
    ['plain http', { isSecure: false }, /plain http/],
    ['no client', { stats: undefined }, /did not run/],
    ['no marks', { marks: 0 }, /Nothing is marked/],
    ['no tracker', { stats: stats('unavailable') }, /no tracker/],
  ] as const)
    it(`names the one trouble: ${what}`, () => {
      const found = troubles({ ...GOOD, ...seen });
      assert.equal(found.length, 1);
      assert.match(found[0]!, says);
    });

  it('has words for every state of the tracker', () => {
    for (const state of [
      'connecting',
      'moving',
      'open',
      'waiting',
      'suspended',
      'unavailable',
      'closed',
    ] as const)
      assert.ok(trackerText({ ...GOOD, stats: stats(state) }).length > 5);
    assert.equal(trackerText({ ...GOOD, stats: undefined }), 'there is no client');
  });
});
