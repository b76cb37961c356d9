import { SessionRequestSchema } from '../src/full.ts';
import { base64, field, NOT_PROTOBUF, sha1Id, vectorsOf, zeros } from './build.ts';
import { PAPAGENO_ID } from './manifest.ts';
import { BAD_SIGNALS, GOOD_SIGNALS, host, offer } from './signals.ts';
import type { Vector } from './types.ts';

const { valid, unusual, rule, ruleHex, wire, ignored } = vectorsOf(SessionRequestSchema);

const sha256 = { algorithm: 'HASH_ALGORITHM_SHA256', digest: base64('sha256') };
const id = sha1Id(1);
/** The same, encoded. */
const ID = `0801${field('12', Buffer.from(id.digest, 'base64').toString('hex'))}`;
/** Three fields that no message has: a varint, a fixed64 and three bytes. */
const UNKNOWN = 'f80701f9070102030405060708fa0703abcdef';
const many = (count: number) => Array.from({ length: count }, (_, i) => sha1Id(i));
const digest = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64');
const wantOf = (algorithm: string | number, bytes: number) => ({
  want: { contents: [{ algorithm, digest: digest(bytes) }] },
});

const MAX_FRAME = 65_536;

/** Asks for 8 of 20 units. */
const ask = { content: id, unitBytes: 65536, units: 20, wanted: 8 };
const bits = (bytes: number) => Buffer.alloc(bytes, 0xff).toString('base64');

const deposited = (attempt: number, change: object = {}) => ({
  attempt,
  description: { ...offer, ...change },
});
const deposit = (one: object) => ({ deposit: { offers: [one] } });

export const SESSION_REQUEST: readonly Vector[] = [
  valid('want', 'One content, the number of peers left to the tracker.', {
    want: { contents: [sha256] },
  }),
  valid('want by every algorithm', 'papageno.txt by each kind of content id.', {
    want: {
      contents: [
        { algorithm: 'HASH_ALGORITHM_SHA1', digest: base64('sha1') },
        sha256,
        { algorithm: 'HASH_ALGORITHM_SHA384', digest: base64('sha384') },
        { algorithm: 'HASH_ALGORITHM_SHA512', digest: base64('sha512') },
        { algorithm: 'HASH_ALGORITHM_MANIFEST_SHA256', digest: PAPAGENO_ID },
      ],
      maxPeers: 8,
    },
  }),
  valid('want one digest by two algorithms', 'The ids differ by algorithm, so both may occur.', {
    want: { contents: [sha256, { ...sha256, algorithm: 'HASH_ALGORITHM_MANIFEST_SHA256' }] },
  }),
  valid('want 64', 'As many ids as are allowed.', { want: { contents: many(64) } }),
  valid('have', 'A file of 252 bytes and an empty one.', {
    have: {
      holdings: [
        { content: sha256, size: '252' },
        { content: { algorithm: 'HASH_ALGORITHM_SHA1', digest: base64('sha1', '') } },
      ],
    },
  }),
  valid('have the largest', 'The largest size, 2^53 - 1 bytes.', {
    have: { holdings: [{ content: id, size: '9007199254740991' }] },
  }),
  valid(
    'have a part',
    'Downloading: one content of known size, one of which nothing is known yet.',
    {
      have: {
        holdings: [
          { content: sha256, size: '252', partial: true },
          { content: id, partial: true },
        ],
      },
    },
  ),
  valid('lease', 'Any 8 of 20 units.', { lease: ask }),
  valid('lease, size unknown', 'What a newcomer sends before it has heard anything.', {
    lease: { content: id, unitBytes: 65536, wanted: 16 },
  }),
  valid('lease of certain units', 'Units 0, 2, 18 and 19 of 20, whichever are to be had.', {
    lease: { ...ask, needed: 'oAAw' },
  }),
  valid('lease, report', 'Wants nothing: confirms, has fetched units 0, 1 and 300, gives back 2.', {
    lease: { content: id, unitBytes: 16384, units: 400, fetched: [0, 1, 300], returned: [2] },
  }),
  valid('lease, largest', 'The largest unit, and as many units as are allowed.', {
    lease: {
      content: id,
      unitBytes: 16777216,
      units: 65536,
      wanted: 65536,
      needed: bits(8192),
      fetched: [65535],
      returned: [65534],
      hurry: true,
    },
  }),
  unusual(
    'lease, not packed',
    'Units as fields of their own: parsers accept both forms.',
    field('2a', field('0a', ID), '10808004', '30ac02', '3001', '3802'),
    { lease: { content: id, unitBytes: 65536, fetched: [300, 1], returned: [2] } },
  ),
  valid('want with offers', 'Would answer two deposited offers at once.', {
    want: { contents: [id], maxOffers: 2 },
  }),
  valid('deposit', 'An offer without and one with as many candidates as are allowed.', {
    deposit: {
      offers: [deposited(1), deposited(4294967295, { candidates: Array(8).fill(host) })],
    },
  }),
  valid('deposit of 4', 'As many as are allowed.', {
    deposit: { offers: [1, 2, 3, 4].map((attempt) => deposited(attempt)) },
  }),
  valid('drop', 'Two contents.', { drop: { contents: [sha256, id] } }),
  ...GOOD_SIGNALS.map(([name, description, signal]) => valid(name, description, { signal })),
  unusual(
    'fields in descending order',
    'A holding whose size precedes its content. Accepted in every message but Signal.',
    field('12', field('0a', '1005', field('0a', ID))),
    { have: { holdings: [{ content: id, size: '5' }] } },
  ),
  unusual(
    'long varint',
    'max_peers is 8 as a varint of three bytes.',
    field('0a', field('0a', ID), '10888000'),
    {
      want: { contents: [id], maxPeers: 8 },
    },
  ),
  unusual(
    'default written out',
    'max_peers is 0, which need not be sent.',
    field('0a', field('0a', ID), '1000'),
    {
      want: { contents: [id] },
    },
  ),
  unusual(
    'merged',
    'One want in two halves: protobuf merges them.',
    field('0a', '1008') + field('0a', field('0a', ID)),
    {
      want: { contents: [id], maxPeers: 8 },
    },
  ),
  unusual(
    'last body wins',
    'A want, then a drop: only the drop counts.',
    field('0a', '1008') + field('1a', field('0a', ID)),
    {
      drop: { contents: [id] },
    },
  ),
  unusual(
    'unknown fields beside known ones',
    'Of a later version, in the message, the want and the id: they are skipped.',
    field('0a', field('0a', ID, UNKNOWN), UNKNOWN) + UNKNOWN,
    { want: { contents: [id] } },
  ),

  rule('empty frame', 'no body', {}),
  rule('want nothing', 'at least one id', { want: {} }),
  rule('want 65', 'at most 64 ids', { want: { contents: many(65) } }, 'ERROR_CODE_LIMIT_EXCEEDED'),
  rule('want twice the same', 'each id once', { want: { contents: [id, sha256, id] } }),
  rule('unspecified algorithm', 'never sent', wantOf('HASH_ALGORITHM_UNSPECIFIED', 32)),
  rule('unknown algorithm', 'refused, as its length cannot be checked', wantOf(6, 32)),
  rule('negative algorithm', 'no such value', wantOf(-1, 32)),
  rule('empty digest', 'a SHA-256 has 32 bytes', wantOf('HASH_ALGORITHM_SHA256', 0)),
  rule('SHA-1 of 19 bytes', 'it has 20', wantOf('HASH_ALGORITHM_SHA1', 19)),
  rule('SHA-256 of 33 bytes', 'it has 32', wantOf('HASH_ALGORITHM_SHA256', 33)),
  rule('SHA-384 of 64 bytes', 'it has 48', wantOf('HASH_ALGORITHM_SHA384', 64)),
  rule('SHA-512 of 65 bytes', 'it has 64', wantOf('HASH_ALGORITHM_SHA512', 65)),
  rule('manifest of 31 bytes', 'it has 32', wantOf('HASH_ALGORITHM_MANIFEST_SHA256', 31)),
  rule('have nothing', 'at least one holding', { have: {} }),
  rule(
    'have 65',
    'at most 64 holdings',
    { have: { holdings: many(65).map((content) => ({ content })) } },
    'ERROR_CODE_LIMIT_EXCEEDED',
  ),
  rule('have twice the same', 'each id once', {
    have: {
      holdings: [
        { content: id, size: '1' },
        { content: id, size: '2' },
      ],
    },
  }),
  rule('have without content', 'content is missing', { have: { holdings: [{ size: '5' }] } }),
  rule('have of 2^53 bytes', 'at most 2^53 - 1', {
    have: { holdings: [{ content: id, size: '9007199254740992' }] },
  }),
  rule('have a part of 2^53 bytes', 'at most 2^53 - 1, also of a part', {
    have: { holdings: [{ content: id, size: '9007199254740992', partial: true }] },
  }),
  rule('lease of nothing', 'content is missing', {
    lease: { unitBytes: 65536, units: 20, wanted: 8 },
  }),
  rule('lease with a wrong digest', 'a SHA-256 has 32 bytes', {
    lease: { ...ask, content: { ...id, algorithm: 'HASH_ALGORITHM_SHA256' } },
  }),
  rule('lease of units of 0 bytes', '1 to 16,777,216 bytes', { lease: { ...ask, unitBytes: 0 } }),
  rule('lease of units of 16,777,217 bytes', '1 to 16,777,216 bytes', {
    lease: { ...ask, unitBytes: 16777217 },
  }),
  rule('lease of 65,537 units', 'at most 65,536', { lease: { ...ask, units: 65537 } }),
  rule('lease, 65,537 wanted', 'at most 65,536', { lease: { ...ask, wanted: 65537 } }),
  rule('lease, 65,544 needed', 'at most 8,192 bytes', { lease: { ...ask, needed: bits(8193) } }),
  rule('lease, unit 65,536 fetched', 'units are below 65,536', {
    lease: { ...ask, fetched: [65536] },
  }),
  rule('lease, unit 65,536 returned', 'units are below 65,536', {
    lease: { ...ask, returned: [0, 65536] },
  }),
  rule('deposit nothing', 'at least one offer', { deposit: {} }),
  rule('deposit of 5', 'at most 4 offers', {
    deposit: { offers: [1, 2, 3, 4, 5].map((attempt) => deposited(attempt)) },
  }),
  rule('deposit without attempt', 'attempts count from 1', deposit(deposited(0))),
  rule('deposit without description', 'it is the offer', deposit({ attempt: 1 })),
  rule('deposit of raw SDP', 'too large to keep', deposit(deposited(1, { rawSdp: 'v=0' }))),
  rule(
    'deposit with 9 candidates',
    'at most 8',
    deposit(deposited(1, { candidates: Array(9).fill(host) })),
  ),
  rule('deposit with a short ufrag', 'as in Signal', deposit(deposited(1, { iceUfrag: 'abc' }))),
  rule('drop nothing', 'at least one id', { drop: {} }),
  rule('drop twice the same', 'each id once', { drop: { contents: [id, id] } }),
  rule('drop with a wrong digest', 'a SHA-256 has 32 bytes', {
    drop: { contents: [{ ...id, algorithm: 'HASH_ALGORITHM_SHA256' }] },
  }),
  rule('drop 65', 'at most 64 ids', { drop: { contents: many(65) } }, 'ERROR_CODE_LIMIT_EXCEEDED'),
  ...BAD_SIGNALS.map(([name, why, signal]) => rule(name, why, { signal })),
  ruleHex(
    'too large',
    'at most 65,536 bytes, even of unknown fields',
    zeros('7a', MAX_FRAME - 3),
    'ERROR_CODE_TOO_LARGE',
  ),
  wire(
    'not UTF-8',
    'ice_ufrag of an offer is c3 28',
    field('22', '0901000000000000001001', field('1a', field('0a', 'c328'))),
  ),
  wire('truncated peer_id', 'a fixed64 of 7 bytes', field('22', '0901020304050607')),
  wire('field beyond its message', 'a want of 1 byte whose max_peers has 2', '0a011008'),
  ...NOT_PROTOBUF.map(([name, why, hex]) => wire(name, why, hex)),

  ignored('only an unknown field', 'fa0703abcdef'),
  ignored('only unknown fields', UNKNOWN),
  ignored('the largest message, of an unknown field', zeros('7a', MAX_FRAME - 4)),
];
