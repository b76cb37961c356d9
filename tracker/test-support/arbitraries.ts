import { encodeSessionRequest } from '@zauberflote/proto';
import fc from 'fast-check';
import { drop, have, lease, SIGNAL_KINDS, signal, want } from './messages.ts';

const ids = fc.uniqueArray(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 64 });

const units = fc.array(fc.nat({ max: 65_535 }), { maxLength: 6 });

/** What one of a crowd that downloads a content does next. */
export function crowdTurn(names: readonly string[]) {
  return {
    name: fc.constantFrom(...names),
    waits: fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: 1_500 })),
    wanted: fc.nat({ max: 2 }),
    /** How many of its units it reports, and how many it gives back. */
    fetched: fc.nat({ max: 3 }),
    returned: fc.constantFrom(0, 0, 0, 1),
  };
}

/** A valid frame; signals go to one of `peers`. */
export function validFrame(peers: readonly bigint[]): fc.Arbitrary<Uint8Array> {
  return fc
    .oneof(
      fc.tuple(ids, fc.nat()).map(([contents, max]) => want(contents, max)),
      fc.tuple(ids, fc.bigInt(0n, 2n ** 53n - 1n), fc.boolean()).map((args) => have(...args)),
      fc
        .tuple(
          fc.nat({ max: 100 }),
          fc.record({
            unitBytes: fc.constantFrom(1, 16_384, 16_384, 16_777_216),
            units: fc.constantFrom(0, 5, 65_536),
            wanted: fc.nat({ max: 65_536 }),
            needed: fc.option(units, { nil: undefined }),
            fetched: units,
            returned: units,
            hurry: fc.boolean(),
          }),
        )
        .map((args) => lease(...args)),
      ids.map(drop),
      fc
        .tuple(
          fc.constantFrom(...SIGNAL_KINDS),
          fc.constantFrom(...peers),
          fc.integer({ min: 1, max: 3 }),
        )
        .map((args) => signal(...args)),
    )
    .map(encodeSessionRequest);
}

/** A valid frame with one to eight things wrong with it. (Some stay valid.) */
export function mutatedFrame(peers: readonly bigint[]): fc.Arbitrary<Uint8Array> {
  const place = fc.nat({ max: 2 ** 30 });
  const mutation = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), place, byte: fc.nat({ max: 255 }) }),
    fc.record({ kind: fc.constant('flip' as const), place, byte: fc.nat({ max: 7 }) }),
    fc.record({ kind: fc.constant('insert' as const), place, byte: fc.nat({ max: 255 }) }),
    fc.record({
      kind: fc.constant('remove' as const),
      place,
      byte: fc.integer({ min: 1, max: 9 }),
    }),
    fc.record({ kind: fc.constant('truncate' as const), place, byte: fc.constant(0) }),
    fc.record({ kind: fc.constant('repeat' as const), place, byte: fc.constant(0) }),
  );
  return fc
    .tuple(validFrame(peers), fc.array(mutation, { minLength: 1, maxLength: 8 }))
    .map(([frame, mutations]) => {
      let bytes = [...frame];
      for (const { kind, place, byte } of mutations) {
        const at = place % (bytes.length + 1);
        if (kind === 'set') bytes[at] = byte;
        else if (kind === 'flip') bytes[at] = (bytes[at] ?? 0) ^ (1 << byte);
        else if (kind === 'insert') bytes.splice(at, 0, byte);
        else if (kind === 'remove') bytes.splice(at, byte);
        else if (kind === 'truncate') bytes.length = at;
        else bytes = [...bytes, ...bytes.slice(at)];
      }
      return Uint8Array.from(bytes);
    });
}

/** Bytes that look like fields of protobuf: numbers, wire types, lengths that may lie. */
export const fieldNoise: fc.Arbitrary<Uint8Array> = fc
  .array(
    fc.oneof(
      fc
        .tuple(fc.nat({ max: 7 }), fc.nat({ max: 7 }))
        .map(([number, type]) => [(number << 3) | type]),
      fc.nat({ max: 127 }).map((byte) => [byte]),
      fc.constantFrom([0xff, 0xff, 0xff, 0xff, 0x0f], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]),
      fc.uint8Array({ maxLength: 12 }).map((bytes) => [...bytes]),
    ),
    { maxLength: 40 },
  )
  .map((parts) => Uint8Array.from(parts.flat()));

/** Any bytes. */
export const anyBytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 400 });
