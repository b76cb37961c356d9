import { PeerMessageSchema } from '../src/full.ts';
import { base64, FILE, field, NOT_PROTOBUF, varint, vectorsOf, zeros } from './build.ts';
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

const LAST_CHUNK = 65_535;
const chunks = (count: number) => Array.from({ length: count }, (_, i) => i);
const bytes = (count: number) => Buffer.alloc(count, 0xff).toString('base64');
/** `content`, as a field of number 1. */
const CONTENT = field(
  '0a',
  '0802',
  field('12', Buffer.from(content.digest, 'base64').toString('hex')),
);

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
  valid('holdings of all', 'papageno.txt, complete: no bitfield is needed.', {
    holdings: { content, size: '252', chunkSize: 16384, complete: true },
  }),
  valid('holdings of a part', 'Chunks 0, 2 and 8 of ten: bits count from the highest.', {
    holdings: { content, size: '163840', chunkSize: 16384, bitfield: 'oIA=' },
  }),
  valid('holdings of nothing', 'A newcomer that knows neither the size nor a manifest.', {
    holdings: { content },
  }),
  valid('holdings of nothing, empty', 'An empty file has no chunks and is complete.', {
    holdings: { content, complete: true },
  }),
  valid('holdings, largest', 'The largest size and chunks, and as many bits as are allowed.', {
    holdings: {
      content,
      size: '9007199254740991',
      chunkSize: 16777216,
      bitfield: bytes(8192),
    },
  }),
  valid('got', 'The first and the last chunk there can be.', {
    got: { content, chunks: [0, LAST_CHUNK] },
  }),
  valid('got 256', 'As many chunks as are allowed.', { got: { content, chunks: chunks(256) } }),
  valid('coming', 'The first and the last chunk there can be.', {
    coming: { content, chunks: [0, LAST_CHUNK] },
  }),
  valid('coming 256', 'As many chunks as are allowed.', {
    coming: { content, chunks: chunks(256) },
  }),
  valid('received', 'The data of a usual fragment has come.', { received: { bytes: 16384 } }),
  valid('received, most', 'As much as one can say.', { received: { bytes: 4294967295 } }),
  valid('received nothing', 'It says nothing, but is no mistake.', { received: {} }),
  unusual(
    'got, not packed',
    'Each chunk as a field of its own: parsers accept both forms.',
    field('32', CONTENT, '1001', '10ac02'),
    { got: { content, chunks: [1, 300] } },
  ),
  unusual(
    'got, packed in parts',
    'Packed, single, nothing packed, packed: one list in this order.',
    field('32', CONTENT, '12020102', '1003', '1200', '120104'),
    { got: { content, chunks: [1, 2, 3, 4] } },
  ),
  unusual('data first', 'Fields in another order.', '22091a03abcdef10070801', {
    fragment: { requestId: 1, offset: 7, data: 'q83v' },
  }),
  unusual('unknown field', 'Of a later version, in a cancel: skipped.', '12050801f80701', {
    cancel: { requestId: 1 },
  }),
  unusual(
    'number beyond 32 bits',
    'Of a uint32 all but the lowest 32 bits are dropped, as everywhere in protobuf: request 1.',
    '1206088180808010',
    { cancel: { requestId: 1 } },
  ),
  unusual('true is 2', 'Whatever is not 0.', field('2a', CONTENT, '2002'), {
    holdings: { content, complete: true },
  }),

  rule('empty frame', 'no body', {}),
  rule('request 0', 'request ids count from 1', { request: { ...ask, requestId: 0 } }),
  rule('cancel of request 0', 'request ids count from 1', { cancel: {} }),
  rule('refusal of request 0', 'request ids count from 1', { refuse: {} }),
  rule('fragment of request 0', 'request ids count from 1', { fragment: { data } }),
  ruleHex('cancel of request 2^32', 'the lowest 32 bits are 0', '1206088080808010'),
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
  rule('holdings of no content', 'content is missing', { holdings: { complete: true } }),
  rule('holdings of 2^53 bytes', 'at most 2^53 - 1', {
    holdings: { content, size: '9007199254740992', complete: true },
  }),
  rule('holdings in chunks of 16,777,217 bytes', 'at most 16,777,216', {
    holdings: { content, size: '33554432', chunkSize: 16777217 },
  }),
  rule('holdings of 65,544 chunks', 'a bitfield has at most 8,192 bytes', {
    holdings: { content, size: '163840', chunkSize: 16384, bitfield: bytes(8193) },
  }),
  rule('got of no content', 'content is missing', { got: { chunks: [1] } }),
  rule('got nothing', '1 to 256 chunks', { got: { content } }),
  rule('got 257', '1 to 256 chunks', { got: { content, chunks: chunks(257) } }),
  rule('got chunk 65,536', 'chunks are below 65,536', {
    got: { content, chunks: [0, LAST_CHUNK + 1] },
  }),
  rule('coming of no content', 'content is missing', { coming: { chunks: [1] } }),
  rule('coming nothing', '1 to 256 chunks', { coming: { content } }),
  rule('coming 257', '1 to 256 chunks', { coming: { content, chunks: chunks(257) } }),
  rule('coming chunk 65,536', 'chunks are below 65,536', {
    coming: { content, chunks: [0, LAST_CHUNK + 1] },
  }),
  ruleHex(
    'too large',
    'at most 65,536 bytes of content and 32 around them',
    zeros('7a', MAX_FRAME - 3),
    'ERROR_CODE_TOO_LARGE',
  ),
  wire('truncated fragment', 'data ends early', '220608011a10abcd'),
  wire(
    'packed number beyond its field',
    'the last of the chunks does not end',
    field('32', CONTENT, '12020180', '1001'),
  ),
  wire(
    'packed field beyond its message',
    '3 bytes of chunks are said to follow and 1 does',
    field('32', CONTENT, '120301'),
  ),
  wire('field beyond its message', 'a cancel of 1 byte whose request_id has 2', '12010807'),
  ...NOT_PROTOBUF.map(([name, why, hex]) => wire(name, why, hex)),

  ignored('only an unknown field', 'fa0703abcdef'),
  ignored('the largest message, of an unknown field', zeros('7a', MAX_FRAME - 4)),
];
