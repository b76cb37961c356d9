import { NodeMessageSchema } from '../src/full.ts';
import { base64, NOT_PROTOBUF, sha1Id, vectorsOf, zeros } from './build.ts';
import { BAD_SIGNALS, GOOD_SIGNALS, host, offer } from './signals.ts';
import type { Vector } from './types.ts';

const { valid, unusual, rule, ruleHex, wire, ignored } = vectorsOf(NodeMessageSchema);

const id = sha1Id(1);
const manifest = { algorithm: 'HASH_ALGORITHM_MANIFEST_SHA256', digest: base64('sha256') };
const node = 'papageno-1';
const findings = (...swarms: object[]) => ({ node, findings: { number: 1, swarms } });
const inquiry = (change: object) => ({
  node,
  inquiry: { number: 1, contents: [{ content: id }], ...change },
});

const lease = { content: id, unitBytes: 65536, units: 20, wanted: 8 };
const grant = { content: id, first: 8, count: 4, unitBytes: 65536 };
const departure = (change: object) => ({
  node,
  departure: { peerId: '1', contents: [id], ...change },
});

const MAX_FRAME = 131_072;

export const NODE_MESSAGE: readonly Vector[] = [
  valid('inquiry', 'A client wants two contents, and would answer three offers.', {
    node,
    inquiry: {
      number: 4294967295,
      peerId: '17361641481138401520',
      maxOffers: 3,
      ipVersion: 6,
      contents: [
        { content: manifest, holders: 12 },
        { content: id, holders: 5 },
      ],
    },
  }),
  valid('inquiry that counts', 'For nobody; no holder is to be named.', {
    node: '0',
    inquiry: { number: 1, contents: [{ content: id }] },
  }),
  valid(
    'findings',
    'One that is complete and left an offer, one that is not; nobody for another.',
    {
      node,
      findings: {
        number: 7,
        swarms: [
          {
            content: manifest,
            holders: [
              {
                peerId: '1',
                size: '252',
                offer: { attempt: 7, description: { ...offer, candidates: [host] } },
              },
              { peerId: '2', partial: true },
            ],
            totalHolders: 1,
            totalPartial: 40,
          },
          { content: id },
        ],
      },
    },
  ),
  ...GOOD_SIGNALS.map(([name, description, signal]) =>
    valid(`delivery: ${name}`, description, { node, delivery: { to: '1', signal } }),
  ),
  valid('rejection', 'The client that the signal was for is gone.', {
    node,
    rejection: {
      to: '17361641481138401520',
      undeliverable: { peerId: '1', attempt: 7, reason: 'UNDELIVERABLE_REASON_GONE' },
    },
  }),
  valid('lease', 'A client wants 8 of 20 units; of 12 clients there that download it.', {
    node,
    lease: {
      number: 4294967295,
      peerId: '17361641481138401520',
      downloading: 12,
      lease: { ...lease, needed: 'oAAw', hurry: true },
    },
  }),
  valid('lease, report', 'It wants nothing, so no grant is wanted; nobody downloads it any more.', {
    node,
    lease: { peerId: '1', lease: { content: manifest, unitBytes: 16384, fetched: [0, 300] } },
  }),
  valid('grant', 'Units 8 to 11 of 64 KiB each.', {
    node,
    grant: { number: 7, peerId: '1', grant },
  }),
  valid('grant of nothing', 'None is to be had; others count in units of 16 KiB.', {
    node,
    grant: { number: 7, peerId: '1', grant: { content: id, unitBytes: 16384 } },
  }),
  valid('departure', 'A client has left two contents.', departure({ contents: [manifest, id] })),
  valid('departure of all', 'The node is stopping.', { node, departure: {} }),
  valid('probe', 'The longest name of a node.', {
    node: `${'Aa0-_'.repeat(12)}Zz9_`,
    probe: { number: 1 },
  }),
  unusual('unknown field', 'Of a later node, beside a probe: skipped.', '0a013032020801f80701', {
    node: '0',
    probe: { number: 1 },
  }),

  rule('empty frame', 'no body', {}),
  rule('nothing but a node', 'no body', { node }),
  rule('no node', 'its name has at least one letter', { probe: { number: 1 } }),
  rule('too long a name', 'at most 64 letters', { node: 'a'.repeat(65), probe: { number: 1 } }),
  rule('a name of other letters', 'no braces: they would choose a slot', {
    node: '{a}',
    probe: { number: 1 },
  }),
  rule('a name that ends in a line feed', 'only letters, digits, - and _', {
    node: 'a\n',
    probe: { number: 1 },
  }),
  rule('inquiry 0', 'number is never 0', inquiry({ number: 0 })),
  rule('inquiry of nothing', 'at least one content', inquiry({ contents: [] })),
  rule('inquiry of no content', 'content is missing', inquiry({ contents: [{ holders: 1 }] })),
  rule(
    'inquiry, twice of the same',
    'each once',
    inquiry({ contents: [{ content: id }, { content: id, holders: 1 }] }),
  ),
  rule(
    'inquiry of 65',
    'at most 64',
    inquiry({ contents: Array.from({ length: 65 }, (_, i) => ({ content: sha1Id(i) })) }),
    'ERROR_CODE_LIMIT_EXCEEDED',
  ),
  rule('findings of nothing', 'an inquiry names at least one content', findings()),
  rule(
    'findings, twice of the same',
    'one swarm for each',
    findings({ content: id }, { content: id }),
  ),
  rule(
    'findings of a holder without peer_id',
    'peer_id is never 0',
    findings({ content: id, holders: [{ size: '1' }] }),
  ),
  rule('delivery without a signal', 'signal is missing', { node, delivery: { to: '1' } }),
  rule('delivery to nobody', 'to is never 0', {
    node,
    delivery: { signal: { peerId: '1', attempt: 1, decline: {} } },
  }),
  ...BAD_SIGNALS.map(([name, why, signal]) =>
    rule(`delivery: ${name}`, why, { node, delivery: { to: '1', signal } }),
  ),
  rule('rejection to nobody', 'to is never 0', {
    node,
    rejection: { undeliverable: { peerId: '1', attempt: 1 } },
  }),
  rule('rejection of nothing', 'undeliverable is missing', { node, rejection: { to: '1' } }),
  rule('rejection by nobody', 'peer_id is never 0', {
    node,
    rejection: { to: '1', undeliverable: { attempt: 1 } },
  }),
  rule('lease of nobody', 'peer_id is never 0', { node, lease: { number: 1, lease } }),
  rule('lease without a lease', 'lease is missing', { node, lease: { number: 1, peerId: '1' } }),
  rule('lease of units of 0 bytes', '1 to 16,777,216 bytes', {
    node,
    lease: { number: 1, peerId: '1', lease: { ...lease, unitBytes: 0 } },
  }),
  rule('lease of no content', 'content is missing', {
    node,
    lease: { number: 1, peerId: '1', lease: { unitBytes: 65536 } },
  }),
  rule('grant to nobody', 'peer_id is never 0', { node, grant: { number: 7, grant } }),
  rule('grant without a grant', 'grant is missing', { node, grant: { number: 7, peerId: '1' } }),
  rule('grant of no content', 'content is missing', {
    node,
    grant: { number: 7, peerId: '1', grant: { count: 1, unitBytes: 65536 } },
  }),
  rule('grant beyond the last', 'there are at most 65,536 units', {
    node,
    grant: { number: 7, peerId: '1', grant: { ...grant, first: 65535 } },
  }),
  rule('departure of all from one', 'all leave all', departure({ peerId: '0' })),
  rule('departure from nothing', 'at least one content', departure({ contents: [] })),
  rule('departure, twice from the same', 'each once', departure({ contents: [id, id] })),
  rule(
    'departure from 65',
    'at most 64',
    departure({ contents: Array.from({ length: 65 }, (_, i) => sha1Id(i)) }),
    'ERROR_CODE_LIMIT_EXCEEDED',
  ),
  ruleHex(
    'too large',
    'at most 131,072 bytes, even of unknown fields',
    zeros('7a', MAX_FRAME - 3),
    'ERROR_CODE_TOO_LARGE',
  ),
  ...NOT_PROTOBUF.map(([name, why, hex]) => wire(name, why, hex)),

  ignored('only an unknown field', 'fa0703abcdef'),
  ignored('the largest message, of an unknown field', zeros('7a', MAX_FRAME - 4)),
];
