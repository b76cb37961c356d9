import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ZfError } from '../errors.ts';
import { parseCandidates } from './srcset.ts';

describe('parseCandidates', () => {
  it('reads URL, hash and descriptor, whatever the white space', () => {
    assert.deepEqual(parseCandidates(' /a,b.jpg sha256-x= \n 640w,/c.jpg\tsha256-y 1.5x , /d h,'), [
      { fallback: '/a,b.jpg', hash: 'sha256-x=', descriptor: '640w' },
      { fallback: '/c.jpg', hash: 'sha256-y', descriptor: '1.5x' },
      { fallback: '/d', hash: 'h', descriptor: '' },
    ]);
    assert.deepEqual(parseCandidates(' '), []);
  });

  it('refuses what it cannot read, quoting it', () => {
    for (const text of ['/a.jpg', '/a h 2y', '/a h 2x more', ', ', '/a h, /b'])
      assert.throws(
        () => parseCandidates(text),
        (error) =>
          error instanceof ZfError && error.code === 'bad-fallback' && /"/.test(error.message),
        text,
      );
  });

  it('reads back any list and never fails otherwise than with ZfError', () => {
    const word = fc.stringMatching(/^[a-z0-9/.:=+_-]{1,12}$/);
    const candidate = fc
      .tuple(word, word, fc.constantFrom('', '2x', '.5x', '640w'))
      .map(([fallback, hash, descriptor]) => ({ fallback, hash, descriptor }));
    fc.assert(
      fc.property(fc.array(candidate), (list) => {
        const text = list.map(
          ({ fallback, hash, descriptor }) => `${fallback} ${hash} ${descriptor}`,
        );
        assert.deepEqual(parseCandidates(text.join(', ')), list);
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseCandidates(text);
        } catch (error) {
          assert.ok(error instanceof ZfError);
        }
      }),
    );
  });
});
