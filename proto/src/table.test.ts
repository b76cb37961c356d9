import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { SessionRequestTable, SessionResponseTable } from '../gen/compact.ts';
import {
  ErrorSchema,
  HaveSchema,
  LeaseSchema,
  SessionRequestSchema,
  SessionResponseSchema,
} from './full.ts';
import { read, write } from './table.ts';

const SEED = 1791;

/** Around each power of two, where an encoding becomes a byte longer, or a number too large for one type. */
const BORDERS = Array.from({ length: 65 }, (_, i) => 2n ** BigInt(i))
  .flatMap((power) => [power - 1n, power, power + 1n])
  .filter((value) => value < 2n ** 64n);

const LETTERS = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 20_000, minLength: 4_000 }),
);

describe('messages by tables', () => {
  it('have numbers of up to 64 bits, byte by byte as protobuf-es writes them', () => {
    for (const size of BORDERS) {
      const value = create(HaveSchema, { holdings: [{ size }] });
      const body = { case: 'have', value } as const;
      const frame = write(SessionRequestTable, { body });
      const full = create(SessionRequestSchema, { body });
      assert.deepEqual(frame, toBinary(SessionRequestSchema, full), `${size}`);
      const { message } = read(SessionRequestTable, frame) as { message: { body: typeof body } };
      assert.equal(message.body.value.holdings[0]?.size, size);
    }
  });

  it('have texts and lists of any length, byte by byte as protobuf-es writes them', () => {
    const message = fc.record({
      code: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      message: LETTERS,
      retryAfterMs: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    });
    fc.assert(
      fc.property(message, (fields) => {
        const body = { case: 'error', value: create(ErrorSchema, fields) } as const;
        const frame = write(SessionResponseTable, { body });
        const full = create(SessionResponseSchema, { body });
        assert.deepEqual(frame, toBinary(SessionResponseSchema, full));
      }),
      { numRuns: 500, seed: SEED },
    );
    const numbers = fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { maxLength: 2_000 });
    fc.assert(
      fc.property(numbers, numbers, (fetched, returned) => {
        const value = create(LeaseSchema, { fetched, returned });
        const body = { case: 'lease', value } as const;
        const frame = write(SessionRequestTable, { body });
        const full = create(SessionRequestSchema, { body });
        assert.deepEqual(frame, toBinary(SessionRequestSchema, full));
      }),
      { numRuns: 200, seed: SEED },
    );
  });

  it('do not lie in memory that the next is written to', () => {
    const first = write(SessionResponseTable, { body: { case: 'welcome', value: { peerId: 1n } } });
    const before = first.slice();
    write(SessionResponseTable, { body: { case: 'welcome', value: { peerId: 2n ** 64n - 1n } } });
    assert.deepEqual(first, before);
    assert.equal(first.buffer.byteLength, first.length);
  });

  it('are written as ever after one that could not be', () => {
    const body = { case: 'have', value: { holdings: [{ size: 3n }] } } as const;
    const before = write(SessionRequestTable, { body });
    const broken = { case: 'have', value: { holdings: [{ size: -1n }, { size: 7n }] } };
    assert.throws(() => write(SessionRequestTable, { body: broken }), RangeError);
    assert.deepEqual(write(SessionRequestTable, { body }), before);
  });
});
