import assert from 'node:assert/strict';
import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { create, equals, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { FILES } from '../testdata/make.ts';
import { frameOf } from '../testdata/types.ts';
import { checkWire } from '../testdata/wire-oracle.ts';
import {
  NodeMessageSchema,
  PeerMessageSchema,
  SessionRequestSchema,
  SessionResponseSchema,
} from './full.ts';
import type { NodeMessage, PeerMessage, SessionRequest, SessionResponse } from './index.ts';
import {
  decodeNodeMessage,
  decodePeerMessage,
  decodeSessionRequest,
  decodeSessionResponse,
  ErrorCode,
  encodeNodeMessage,
  encodePeerMessage,
  encodeSessionRequest,
  encodeSessionResponse,
  ProtocolError,
} from './index.ts';

/** Per kind of message and of frame: 4 × 2 × 12,000 = 96,000 in all. */
const RUNS = { numRuns: 12_000, seed: 2015 };

type Message = SessionRequest | SessionResponse | PeerMessage | NodeMessage;

interface Kind<T extends Message> {
  readonly file: string;
  readonly schema: DescMessage;
  readonly decode: (frame: Uint8Array) => T;
  readonly encode: (message: T) => Uint8Array;
}

const kind = <T extends Message>(value: Kind<T>): Kind<Message> =>
  value as unknown as Kind<Message>;

const KINDS = [
  kind({
    file: 'session_request.json',
    schema: SessionRequestSchema,
    decode: decodeSessionRequest,
    encode: (message) => encodeSessionRequest(message.body),
  }),
  kind({
    file: 'session_response.json',
    schema: SessionResponseSchema,
    decode: decodeSessionResponse,
    encode: (message) => encodeSessionResponse(message.body),
  }),
  kind({
    file: 'peer_message.json',
    schema: PeerMessageSchema,
    decode: decodePeerMessage,
    encode: (message) => encodePeerMessage(message.body),
  }),
  kind({
    file: 'node_message.json',
    schema: NodeMessageSchema,
    decode: decodeNodeMessage,
    encode: (message) => encodeNodeMessage(message.node, message.body),
  }),
];

type Outcome = 'malformed' | 'refused' | 'ignored' | 'accepted';

/** What the codec does with `frame`, having checked all that must hold whatever that is. */
function outcomeOf({ schema, decode, encode }: Kind<Message>, frame: Uint8Array): Outcome {
  const before = frame.slice();
  let message: Message;
  try {
    message = decode(frame);
  } catch (error) {
    assert(error instanceof ProtocolError, `not a ProtocolError: ${(error as Error).stack}`);
    assert(error.code > 0 && (Object.values(ErrorCode) as number[]).includes(error.code));
    const malformed = error.message.startsWith('not a message');
    assert.equal(fullOf(schema, frame) === undefined, malformed, error.message);
    return malformed ? 'malformed' : 'refused';
  } finally {
    assert.deepEqual(frame, before, 'the frame was changed');
  }
  const full = fullOf(schema, frame);
  assert(
    full &&
      equals(schema, full, create(schema, message as unknown as MessageInitShape<DescMessage>)),
  );
  const { body } = message as PeerMessage;
  if (body.case === undefined) return 'ignored';
  if (body.case === 'fragment') {
    const { data } = body.value;
    assert.equal(data.buffer, frame.buffer, 'the data was copied');
    assert(data.byteOffset >= frame.byteOffset);
    assert(data.byteOffset + data.length <= frame.byteOffset + frame.length);
  }
  // By its body alone, as the client and the tracker write it: without what this version does not know.
  const again = decode(encode(message));
  assert.deepEqual(decode(encode(again)), again);
  return 'accepted';
}

/** The same frame by protobuf-es, without unknown fields; undefined if it is none. */
function fullOf(schema: DescMessage, frame: Uint8Array) {
  try {
    checkWire(schema, frame);
    return fromBinary(schema, frame, { readUnknownFields: false });
  } catch {
    return undefined;
  }
}

/** Changes to a frame, applied in turn. Positions and lengths are taken modulo its length. */
const edit = fc.oneof(
  // Those that keep the length come often: most others break the nesting at once.
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bit: fc.nat(7) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('set' as const), at: fc.nat(), byte: fc.nat(255) }),
  },
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat(), length: fc.nat(8) }),
  fc.record({ kind: fc.constant('end' as const), at: fc.nat() }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(),
    bytes: fc.uint8Array({ maxLength: 8 }),
  }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(), length: fc.nat(64) }),
);
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

function apply(frame: Uint8Array, change: Edit): Uint8Array {
  const at = change.at % (frame.length + 1);
  const splice = (remove: number, ...add: Uint8Array[]) =>
    new Uint8Array(Buffer.concat([frame.subarray(0, at), ...add, frame.subarray(at + remove)]));
  switch (change.kind) {
    case 'flip':
      return at < frame.length ? splice(1, Uint8Array.of(frame[at]! ^ (1 << change.bit))) : frame;
    case 'set':
      return splice(1, Uint8Array.of(change.byte));
    case 'cut':
      return splice(change.length);
    case 'end':
      return frame.slice(0, at);
    case 'insert':
      return splice(0, change.bytes);
    case 'repeat':
      return splice(0, frame.subarray(at, at + change.length));
  }
}

describe('codec against hostile frames', () => {
  for (const codec of KINDS) {
    const name = codec.schema.name;

    it(`${name}: random bytes give a message or a ProtocolError`, () => {
      const seen = new Map<Outcome, number>();
      // Most start with the tag of a body, or hardly any would get beyond the first byte.
      const frames = fc
        .tuple(
          fc.option(fc.constantFrom(0x0a, 0x12, 0x1a, 0x22, 0x2a, 0x32)),
          fc.uint8Array({ maxLength: 60 }),
        )
        .map(([tag, rest]) => (tag === null ? rest : Uint8Array.from([tag, rest.length, ...rest])));
      fc.assert(
        fc.property(frames, (frame) => {
          const outcome = outcomeOf(codec, frame);
          seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
        }),
        RUNS,
      );
      assert((seen.get('malformed') ?? 0) > 100, `${[...seen]}`);
    });

    it(`${name}: changed golden vectors give a message or a ProtocolError`, () => {
      const originals = FILES[codec.file]!.map((vector) => frameOf(vector.hex)).filter(
        (frame) => frame.length < 2000,
      );
      const seen = new Map<Outcome, number>();
      fc.assert(
        fc.property(
          fc.constantFrom(...originals),
          fc.array(edit, { minLength: 1, maxLength: 3 }),
          (original, edits) => {
            const outcome = outcomeOf(codec, edits.reduce(apply, original));
            seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
          },
        ),
        RUNS,
      );
      // If one of these did not occur, the frames would not test what they are for.
      for (const outcome of ['malformed', 'refused', 'ignored', 'accepted'] as const)
        assert((seen.get(outcome) ?? 0) > 50, `${outcome} is too rare: ${[...seen]}`);
    });
  }
});
