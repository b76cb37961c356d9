import { PeerMessageSchema } from '../src/full.ts';
import { base64, FILE, NOT_PROTOBUF, varint, vectorsOf, zeros } from './build.ts';
import { PAPAGENO_ID } from './manifest.ts';
import type { Hex, Vector } from './types.ts';

const { valid, unusual, rule, ruleHex, wire, ignored } = vectorsOf(PeerMessageSchema);

const content = { algorithm: 'HASH_ALGORITHM_SHA256', digest: base64('sha256') };
const ask = { requestId: 1, content, offset: '128', length: 124 };
const data = FILE.subarray(128).toString('base64');
const REASONS = ['NOT_HELD', 'OUT_OF_RANGE', 'BUSY', 'NOT_SERVING'];

/** A Fragment for request 1 of `bytes` zeros. */
function fragment(bytes: number): Hex {
  const inner = 2 + 1 + varint(bytes).length / 2 + bytes;
  return [`22${varint(inner)}08011a${varint(bytes)}`, { repeat: '00', times: bytes }];
}

const MAX_FRAME = 65_568;

export const PEER_MESSAGE: readonly Vector[] = [
  valid('request', 'The second half of papageno.txt.', { request: ask }),
  valid('request by manifest', 'From the first byte.', {
    request: {
      requestId: 4294967295,
      content: { algorithm: 'HASH_ALGORITHM_MANIFEST_SHA256', digest: PAPAGENO_ID },
      length: 1,
    },
  }),
  valid(
    'request, largest',
    'The largest offset and length. It will be refused: nothing is so large.',
    {
      request: { requestId: 2, content, offset: '9007199254740991', length: 1048576 },
    },
  ),
  valid('cancel', '', { cancel: { requestId: 1 } }),
  valid('refuse', 'No reason given.', { refuse: { requestId: 1 } }),
  ...REASONS.map((reason) =>
    valid(`refuse, ${reason}`, '', { refuse: { requestId: 1, reason: `REFUSE_REASON_${reason}` } }),
  ),
  valid('refuse, unknown reason', 'Of a later version: as without reason.', {
    refuse: { requestId: 1, reason: 99 },
  }),
  valid('fragment', 'Answers the first request.', { fragment: { requestId: 1, data } }),
  valid('fragment, last byte', 'The last byte of the longest range.', {
    fragment: { requestId: 2, offset: 1048575, data: 'AA==' },
  }),
  unusual('data first', 'Fields in another order.', '22091a03abcdef10070801', {
    fragment: { requestId: 1, offset: 7, data: 'q83v' },
  }),
  unusual('unknown field', 'Of a later version, in a cancel: skipped.', '12050801f80701', {
    cancel: { requestId: 1 },
  }),

  rule('empty frame', 'no body', {}),
  rule('request 0', 'request ids count from 1', { request: { ...ask, requestId: 0 } }),
  rule('cancel of request 0', 'request ids count from 1', { cancel: {} }),
  rule('refusal of request 0', 'request ids count from 1', { refuse: {} }),
  rule('fragment of request 0', 'request ids count from 1', { fragment: { data } }),
  rule('request of nothing', 'content is missing', { request: { requestId: 1, length: 1 } }),
  rule('request with a wrong digest', 'a SHA-1 has 20 bytes', {
    request: { ...ask, content: { ...content, algorithm: 'HASH_ALGORITHM_SHA1' } },
  }),
  rule('request of 0 bytes', '1 to 1,048,576 bytes', { request: { ...ask, length: 0 } }),
  rule('request of 1,048,577 bytes', '1 to 1,048,576 bytes', {
    request: { ...ask, length: 1048577 },
  }),
  rule('request from 2^53', 'at most 2^53 - 1', {
    request: { ...ask, offset: '9007199254740992' },
  }),
  rule('fragment of 0 bytes', '1 to 65,536 bytes', { fragment: { requestId: 1 } }),
  ruleHex('fragment of 65,537 bytes', '1 to 65,536 bytes', fragment(65_537)),
  rule('fragment beyond every range', 'no range is longer than 1,048,576 bytes', {
    fragment: { requestId: 1, offset: 1048575, data: 'AAA=' },
  }),
  ruleHex(
    'too large',
    'at most 65,536 bytes of content and 32 around them',
    zeros('7a', MAX_FRAME - 3),
    'ERROR_CODE_TOO_LARGE',
  ),
  wire('truncated fragment', 'data ends early', '220608011a10abcd'),
  wire('field beyond its message', 'a cancel of 1 byte whose request_id has 2', '12010807'),
  ...NOT_PROTOBUF.map(([name, why, hex]) => wire(name, why, hex)),

  ignored('only an unknown field', 'fa0703abcdef'),
  ignored('the largest message, of an unknown field', zeros('7a', MAX_FRAME - 4)),
];
