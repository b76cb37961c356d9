import { SessionResponseSchema } from '../src/full.ts';
import { base64, NOT_PROTOBUF, sha1Id, vectorsOf, zeros } from './build.ts';
import { BAD_SIGNALS, GOOD_SIGNALS, host, offer } from './signals.ts';
import type { Vector } from './types.ts';

const { valid, unusual, rule, ruleHex, wire, ignored } = vectorsOf(SessionResponseSchema);

const id = sha1Id(1);
const sha256 = { algorithm: 'HASH_ALGORITHM_SHA256', digest: base64('sha256') };
const holders = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ peerId: String(i + 1), size: '252' }));

const deposited = (change: object) => ({ attempt: 7, description: { ...offer, ...change } });

const ERRORS = [
  ['MALFORMED', 'ice_ufrag is not 4 to 256 ice characters'],
  ['TOO_LARGE', 'a message of 65537 bytes is larger than 65536'],
  ['LIMIT_EXCEEDED', '65 ids in one message, at most 64 are allowed'],
  ['TIMEOUT', 'no pong within the heartbeat time'],
  ['SLOW_CONSUMER', 'too much waits to be read'],
  ['INTERNAL', 'a fault of the tracker'],
] as const;

const MAX_FRAME = 131_072;

export const SESSION_RESPONSE: readonly Vector[] = [
  valid('welcome', 'A peer id above 2^63.', { welcome: { peerId: '17361641481138401520' } }),
  valid('peers', 'Two holders of one content, who disagree about its size; nobody for another.', {
    peers: {
      swarms: [
        {
          content: sha256,
          holders: [{ peerId: '1', size: '252' }, { peerId: '18446744073709551615' }],
          totalHolders: 2000,
        },
        { content: id },
      ],
    },
  }),
  valid(
    'peers, some of them partial',
    'One that is complete, one that knows the size, one not yet.',
    {
      peers: {
        swarms: [
          {
            content: sha256,
            holders: [
              { peerId: '1', size: '252' },
              { peerId: '2', size: '252', partial: true },
              { peerId: '3', partial: true },
            ],
            totalHolders: 1,
            totalPartial: 40,
          },
        ],
      },
    },
  ),
  valid('peers with an offer', 'The second left one for whoever comes.', {
    peers: {
      swarms: [
        {
          content: sha256,
          holders: [
            { peerId: '1', size: '252' },
            { peerId: '2', size: '252', offer: deposited({ candidates: [host] }) },
          ],
          totalHolders: 2,
        },
      ],
    },
  }),
  valid('grant', 'Units 8 to 11 of 64 KiB each.', {
    grant: { content: id, first: 8, count: 4, unitBytes: 65536 },
  }),
  valid('grant of nothing', 'None is to be had; others count in units of 16 KiB.', {
    grant: { content: id, unitBytes: 16384 },
  }),
  valid('grant of the last', 'The last unit there can be.', {
    grant: { content: id, first: 65535, count: 1, unitBytes: 16777216 },
  }),
  valid('peers, 64 holders', 'As many as are allowed in a swarm.', {
    peers: { swarms: [{ content: id, holders: holders(64), totalHolders: 64 }] },
  }),
  ...ERRORS.map(([code, message]) =>
    valid(`error ${code}`, 'A client does not repeat what it did.', {
      error: { code: `ERROR_CODE_${code}`, message },
    }),
  ),
  valid('error GOING_AWAY', 'The client connects again.', {
    error: { code: 'ERROR_CODE_GOING_AWAY', message: 'the tracker is stopping', retryAfterMs: 500 },
  }),
  valid('error OVERLOADED', 'The client connects again after 30 s.', {
    error: { code: 'ERROR_CODE_OVERLOADED', message: 'come back later', retryAfterMs: 30000 },
  }),
  valid('error without code', 'Never sent; a client takes it as an error all the same.', {
    error: {},
  }),
  valid('error of an unknown code', 'Of a later tracker.', { error: { code: 99, message: 'new' } }),
  ...GOOD_SIGNALS.map(([name, description, signal]) => valid(name, description, { signal })),
  valid('undeliverable, unspecified', 'Never sent; taken as one of an unknown reason.', {
    undeliverable: { peerId: '1', attempt: 7 },
  }),
  valid('undeliverable, unknown reason', 'Of a later tracker: something did not arrive.', {
    undeliverable: { peerId: '1', attempt: 7, reason: 99 },
  }),
  valid('undeliverable, gone', '', {
    undeliverable: { peerId: '1', attempt: 7, reason: 'UNDELIVERABLE_REASON_GONE' },
  }),
  valid('undeliverable, not introduced', '', {
    undeliverable: { peerId: '1', attempt: 7, reason: 'UNDELIVERABLE_REASON_NOT_INTRODUCED' },
  }),
  valid('undeliverable, congested', '', {
    undeliverable: { peerId: '1', attempt: 7, reason: 'UNDELIVERABLE_REASON_CONGESTED' },
  }),
  unusual(
    'unknown field',
    'Of a later tracker, beside a welcome: skipped.',
    '0a09090100000000000000f80701',
    {
      welcome: { peerId: '1' },
    },
  ),

  rule('empty frame', 'no body', {}),
  rule('welcome without peer_id', 'peer_id is never 0', { welcome: {} }),
  rule('peers of nothing', 'a want names at least one id', { peers: {} }),
  rule(
    'peers of 65',
    'a want names at most 64 ids',
    { peers: { swarms: Array.from({ length: 65 }, (_, i) => ({ content: sha1Id(i) })) } },
    'ERROR_CODE_LIMIT_EXCEEDED',
  ),
  rule('peers, twice of the same', 'one swarm for each id', {
    peers: { swarms: [{ content: id }, { content: id }] },
  }),
  rule('swarm without content', 'content is missing', { peers: { swarms: [{}] } }),
  rule('holder with an offer of no role', 'setup is never unspecified', {
    peers: {
      swarms: [
        {
          content: id,
          holders: [{ peerId: '1', offer: deposited({ setup: 'DTLS_SETUP_UNSPECIFIED' }) }],
        },
      ],
    },
  }),
  ...(
    [
      ['without attempt', 'attempts count from 1', { ...deposited({}), attempt: 0 }],
      ['without description', 'it is the offer', { attempt: 7 }],
      ['of raw SDP', 'as in Deposit', deposited({ rawSdp: 'v=0' })],
      ['of 9 candidates', 'at most 8', deposited({ candidates: Array(9).fill(host) })],
    ] as const
  ).map(([what, why, offer]) =>
    rule(`holder with an offer ${what}`, why, {
      peers: { swarms: [{ content: id, holders: [{ peerId: '1', offer }] }] },
    }),
  ),
  rule('swarm with a wrong digest', 'a SHA-256 has 32 bytes', {
    peers: { swarms: [{ content: { ...id, algorithm: 'HASH_ALGORITHM_SHA256' } }] },
  }),
  rule('65 holders', 'at most 64 in a swarm', {
    peers: { swarms: [{ content: id, holders: holders(65) }] },
  }),
  rule('holder without peer_id', 'peer_id is never 0', {
    peers: { swarms: [{ content: id, holders: [{ size: '1' }] }] },
  }),
  rule('holder of 2^53 bytes', 'at most 2^53 - 1', {
    peers: { swarms: [{ content: id, holders: [{ peerId: '1', size: '9007199254740992' }] }] },
  }),
  rule('partial holder without peer_id', 'peer_id is never 0', {
    peers: { swarms: [{ content: id, holders: [{ partial: true }] }] },
  }),
  rule('grant of no content', 'content is missing', { grant: { count: 1, unitBytes: 65536 } }),
  rule('grant with a wrong digest', 'a SHA-1 has 20 bytes', {
    grant: { content: { ...id, digest: sha256.digest }, count: 1, unitBytes: 65536 },
  }),
  rule('grant beyond the last', 'there are at most 65,536 units', {
    grant: { content: id, first: 65535, count: 2, unitBytes: 65536 },
  }),
  rule('grant of more than there can be', 'there are at most 65,536 units', {
    grant: { content: id, first: 0, count: 65537, unitBytes: 65536 },
  }),
  rule('undeliverable to nobody', 'peer_id is never 0', { undeliverable: { attempt: 1 } }),
  ...BAD_SIGNALS.map(([name, why, signal]) => rule(name, why, { signal })),
  ruleHex(
    'too large',
    'at most 131,072 bytes, even of unknown fields',
    zeros('7a', MAX_FRAME - 3),
    'ERROR_CODE_TOO_LARGE',
  ),
  wire('not UTF-8', 'the message of an error is c3 28', '1a0608011202c328'),
  wire('field beyond its message', 'an error of 1 byte whose code has 2', '1a010801'),
  ...NOT_PROTOBUF.map(([name, why, hex]) => wire(name, why, hex)),

  ignored('only an unknown field', 'fa0703abcdef'),
  ignored('the largest message, of an unknown field', zeros('7a', MAX_FRAME - 4)),
];
