import assert from 'node:assert/strict';
import { ZfError } from '../src/errors.ts';
import { Assets, shares, size, textOf } from './assets.ts';

const BYTES = { peers: 0, origin: 0, store: 0 };
const MARKS = { hash: 'zf1-x', fallback: '/a.jpg' };

describe('What the panel knows of assets', () => {
  let assets: Assets;
  beforeEach(() => {
    assets = new Assets();
  });

  const heard = (type: string, more: object = {}) =>
    assets.heard(type, { ...MARKS, loaded: 0, total: undefined, bytes: BYTES, ...more });
  const texts = () => assets.all.map((asset) => `${asset.name}: ${textOf(asset)}`);

  it('follows one from its element to its end, for two elements as for one', () => {
    assets.seen(MARKS, 'waiting');
    assert.deepEqual(texts(), ['/a.jpg: not asked for yet']);
    heard('zf:progress', { loaded: 2_000 });
    assert.deepEqual(texts(), ['/a.jpg: 2.0 KB']);
    heard('zf:progress', { loaded: 2_999, total: 3_000 });
    assert.deepEqual(texts(), ['/a.jpg: 99 % of 3.0 KB']);
    const all = { loaded: 3_000, total: 3_000, bytes: { peers: 2_000, origin: 1_000, store: 0 } };
    heard('zf:load', all);
    heard('zf:progress', { loaded: 1 });
    assets.seen({ ...MARKS, hash: ' zf1-x\n' }, 'before');
    assert.deepEqual(texts(), ['/a.jpg: 3.0 KB: 67 % from visitors, 33 % from the server']);
  });

  it('says why one failed, and what an element has that no event told of', () => {
    heard('zf:error', { error: new ZfError('no-source', 'nobody has it') });
    assets.seen({ hash: null, fallback: null }, 'waiting');
    assets.seen({ hash: 'b', fallback: null }, 'before');
    assets.seen({ hash: 'c', fallback: '/c' }, 'plain');
    assert.deepEqual(texts(), [
      '/a.jpg: nobody has it',
      'neither hash nor address: not asked for yet',
      'b: shown before this panel was there',
      '/c: from the server, unverified: the client did not load it',
    ]);
  });

  it('has shares that add up to 100, and none of nothing that came', () => {
    assert.equal(
      shares({ peers: 1, origin: 1, store: 1 })
        .match(/\d+/g)
        ?.map(Number)
        .reduce((a, b) => a + b),
      100,
    );
    assert.equal(
      shares({ peers: 1, origin: 999, store: 0 }),
      '99 % from the server, 1 % from visitors',
    );
    assert.equal(shares({ peers: 0, origin: 0, store: 7 }), '100 % from this browser');
    assert.equal(shares(BYTES), 'it was here already');
  });

  it('says sizes in words of two or three digits', () => {
    assert.deepEqual(
      [0, 999, 1_000, 9_949, 9_950, 786_432, 999_499, 999_500, 9_949_999, 23_456_789].map(size),
      [
        '0 B',
        '999 B',
        '1.0 KB',
        '9.9 KB',
        '10 KB',
        '786 KB',
        '999 KB',
        '1.0 MB',
        '9.9 MB',
        '23 MB',
      ],
    );
  });
});
