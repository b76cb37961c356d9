import assert from 'node:assert/strict';
import { parseRange } from './ranges.ts';

const cases: [header: string | undefined, expected: ReturnType<typeof parseRange>][] = [
  [undefined, undefined],
  ['bytes=0-99', { start: 0, end: 99 }],
  ['bytes=0-0', { start: 0, end: 0 }],
  ['bytes=990-', { start: 990, end: 999 }],
  ['bytes=990-5000', { start: 990, end: 999 }],
  ['bytes=-10', { start: 990, end: 999 }],
  ['bytes=-5000', { start: 0, end: 999 }],
  ['bytes=999-999', { start: 999, end: 999 }],
  ['bytes=1000-', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=5-4', undefined],
  ['bytes=-', undefined],
  ['bytes=0-1,5-6', undefined],
  ['bytes=a-b', undefined],
  ['chunks=0-1', undefined],
];

describe('parseRange of 1000 bytes', () => {
  for (const [header, expected] of cases) {
    it(`${header} is ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(parseRange(header, 1000), expected);
    });
  }
});
