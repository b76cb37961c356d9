import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RangeBuffer } from './range-buffer.ts';

describe('RangeBuffer', () => {
  it('gives what came, in any cuts, from any start', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 20 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), cuts, cuts, (offset, parts, takes) => {
        const buffer = new RangeBuffer();
        buffer.begin(offset);
        let end = offset;
        let taken = offset;
        const takeMore = () => {
          for (;;) {
            const length = takes[0];
            if (length === undefined || !buffer.has(taken, taken + length)) return;
            takes.shift();
            const data = buffer.take(taken, taken + length);
            assert.deepEqual([...data], range(taken, taken + length));
            taken += length;
          }
        };
        for (const part of parts) {
          buffer.add(Uint8Array.from(range(end, end + part)));
          end += part;
          takeMore();
          assert.equal(buffer.length, end - taken);
          assert.ok(!buffer.has(taken, end + 1));
          assert.ok(taken === offset || !buffer.has(taken - 1, taken));
        }
      }),
    );
  });

  it('copies only what came in several parts', () => {
    const buffer = new RangeBuffer();
    buffer.begin(0);
    const part = Uint8Array.from(range(0, 10));
    buffer.add(part);
    buffer.add(Uint8Array.from(range(10, 20)));
    assert.equal(buffer.take(2, 8).buffer, part.buffer);
    assert.notEqual(buffer.take(8, 12).buffer, part.buffer);
  });

  it('forgets what was passed over', () => {
    const buffer = new RangeBuffer();
    buffer.begin(10);
    buffer.add(Uint8Array.from(range(10, 20)));
    assert.deepEqual([...buffer.take(14, 16)], [14, 15]);
    assert.equal(buffer.length, 4);
    assert.ok(!buffer.has(10, 14));
  });
});

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => (start + i) % 251);
}
