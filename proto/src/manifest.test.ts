import assert from 'node:assert/strict';
import { chunkSizeFor, isMediaType, MAX_CHUNKS } from './index.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

describe('chunkSizeFor', () => {
  it('steps at the documented sizes', () => {
    for (const [most, chunk] of [
      [1 * MIB, 16 * KIB],
      [4 * MIB, 32 * KIB],
      [16 * MIB, 64 * KIB],
      [64 * MIB, 128 * KIB],
      [256 * MIB, 256 * KIB],
      [1 * GIB, 512 * KIB],
      [64 * GIB, 1 * MIB],
      [128 * GIB, 2 * MIB],
      [1024 * GIB, 16 * MIB],
    ] as const) {
      assert.equal(chunkSizeFor(most), chunk);
      assert.equal(chunkSizeFor(most + 1), 2 * chunk);
      assert.ok(most / chunk <= MAX_CHUNKS);
    }
    assert.equal(chunkSizeFor(0), 16 * KIB);
  });
});

describe('isMediaType', () => {
  it('knows the form of a Content-Type header', () => {
    for (const text of [
      'image/jpeg',
      'image/svg+xml',
      'text/plain;charset=utf-8',
      'text/html ; charset="utf-8"',
      'application/vnd.oasis.opendocument.text',
      'text/plain;',
    ])
      assert.ok(isMediaType(text), text);
    for (const text of [
      '',
      'image',
      '/jpeg',
      'image/',
      'image/jpeg png',
      'image/jpeg\n',
      'text/plain;a=\u0000',
      'text/plain;a=ä',
      ' text/plain',
      `text/${'x'.repeat(251)}`,
    ])
      assert.ok(!isMediaType(text), text);
  });
});
