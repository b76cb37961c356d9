import assert from 'node:assert/strict';
import { parseSrcset as parseMarked } from '@zauberflote/proto';
import fc from 'fast-check';
import { parseSrcset } from './srcset.ts';

describe('A srcset', () => {
  for (const [text, expected] of [
    ['a.jpg', [['a.jpg', '']]],
    [
      ' a.jpg 1x,b.jpg  2x ',
      [
        ['a.jpg', '1x'],
        ['b.jpg', '2x'],
      ],
    ],
    [
      'a.jpg, b.jpg 2x',
      [
        ['a.jpg', ''],
        ['b.jpg', '2x'],
      ],
    ],
    ['a,b.jpg 1x', [['a,b.jpg', '1x']]],
    [',, a.jpg 640w , ', [['a.jpg', '640w']]],
    ['', undefined],
    [' , ', undefined],
    ['a.jpg 1x 640w', undefined],
    ['a.jpg wide', undefined],
  ] as const)
    it(`is read as browsers do: '${text}'`, () =>
      assert.deepEqual(
        parseSrcset(text)?.map(({ url, descriptor }) => [url, descriptor]),
        expected,
      ));

  it('is read by the client with hashes behind its addresses as it was without', () => {
    const entry = fc.tuple(
      fc.stringMatching(/^[a-z,/.]*[a-z]$/),
      fc.constantFrom('', ' 2x', ' 640w', ' .5x'),
    );
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 4 }), (entries) => {
        const text = entries
          .map(([url, descriptor]) => url.replace(/^,+/, '') + descriptor)
          .join(', ');
        const candidates = parseSrcset(text)!;
        let marked = text;
        for (const { end } of candidates.toReversed())
          marked = `${marked.slice(0, end)} HASH${marked.slice(end)}`;
        const read = parseMarked(marked);
        assert.ok(typeof read !== 'string', `${marked}: ${read}`);
        assert.deepEqual(
          read.map(({ fallback, descriptor }) => [fallback, descriptor]),
          candidates.map(({ url, descriptor }) => [url, descriptor]),
        );
      }),
    );
  });
});
