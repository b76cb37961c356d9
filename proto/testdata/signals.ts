import { base64, sha1Id } from './build.ts';

type Json = Readonly<Record<string, unknown>>;

export const host = { foundation: '1', priority: 2122260223, address: '192.0.2.7', port: 54321 };
const reflexive = {
  foundation: '842163049',
  priority: 1686052607,
  address: '2001:db8::7',
  port: 61234,
  type: 'CANDIDATE_TYPE_SERVER_REFLEXIVE',
};
/** The description of an offer, without candidates. */
export const offer = {
  iceUfrag: 'Pa+/',
  icePwd: 'papagenaPapagenaPapage',
  fingerprintSha256: base64('sha256'),
  setup: 'DTLS_SETUP_ACTPASS',
};
const answer = { ...offer, setup: 'DTLS_SETUP_ACTIVE' };
const to = { peerId: '81985529216486895', attempt: 1 };

/** Signals as they pass in both directions: name, description, ProtoJSON. */
export const GOOD_SIGNALS: readonly (readonly [string, string, Json])[] = [
  [
    'offer',
    'Every field of a description, as a browser that has gathered two candidates sends it.',
    {
      ...to,
      offer: {
        ...offer,
        iceOptions: ['trickle', 'ice2'],
        sctpPort: 5001,
        maxMessageSize: 262144,
        candidates: [host, reflexive],
      },
    },
  ],
  [
    'offer, packed',
    'As our client sends it: no foundations, a name of mDNS and an IPv4 address in bytes.',
    {
      ...to,
      offer: {
        ...offer,
        iceOptions: ['trickle'],
        maxMessageSize: 262144,
        candidates: [
          { priority: 2113937151, port: 54321, packedAddress: 'XhwfCmpbTD2ejwEjRWeJqw==' },
          {
            priority: 1677729535,
            port: 61234,
            type: 'CANDIDATE_TYPE_SERVER_REFLEXIVE',
            packedAddress: 'wAACBw==',
          },
        ],
      },
    },
  ],
  [
    'offer without candidates',
    'They follow; the other fields have the defaults.',
    { ...to, offer },
  ],
  [
    'offer with sctp_init',
    'Of an endpoint that saves round trips of SCTP; 256 bytes, as many as are allowed.',
    { ...to, offer: { ...offer, sctpInit: Buffer.alloc(256, 1).toString('base64') } },
  ],
  [
    'offer that takes a request',
    'The answer may say what its sender would ask for first.',
    { ...to, offer: { ...offer, takesRequest: true } },
  ],
  [
    'answer with a request',
    'To an offer that takes one: the first 16 KiB.',
    {
      ...to,
      answer: { ...answer, request: { requestId: 1, content: sha1Id('image'), length: 16384 } },
    },
  ],
  ['answer', 'The answerer opens the DTLS connection.', { ...to, answer }],
  [
    'answer, passive',
    'The offerer opens it. The longest ufrag and password.',
    {
      peerId: '18446744073709551615',
      attempt: 4294967295,
      answer: {
        ...answer,
        setup: 'DTLS_SETUP_PASSIVE',
        iceUfrag: 'u'.repeat(256),
        icePwd: 'p'.repeat(256),
      },
    },
  ],
  [
    'raw SDP',
    'The other fields of the description are not used.',
    { ...to, offer: { rawSdp: 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n' } },
  ],
  [
    'candidates',
    'Every transport and type, and a name of mDNS.',
    {
      ...to,
      candidates: {
        candidates: [
          { ...host, address: '5e1c1f0a-6a5b-4c3d-9e8f-0123456789ab.local' },
          { ...host, transport: 'TRANSPORT_TCP_ACTIVE', port: 9 },
          { ...host, transport: 'TRANSPORT_TCP_PASSIVE', type: 'CANDIDATE_TYPE_PEER_REFLEXIVE' },
          { ...reflexive, transport: 'TRANSPORT_TCP_SO', port: 65535 },
          { ...host, type: 'CANDIDATE_TYPE_RELAYED', priority: 4294967295 },
        ],
      },
    },
  ],
  ['end of candidates', 'None follow.', { ...to, candidates: { end: true } }],
  [
    '32 candidates',
    'As many as are allowed.',
    { ...to, candidates: { candidates: Array(32).fill(host) } },
  ],
  [
    'unknown transport and type',
    'Of a later version. The candidate cannot be used and is discarded, the rest is.',
    { ...to, candidates: { candidates: [{ ...host, transport: 9, type: 9 }, host] } },
  ],
  ['decline', 'No reason given.', { ...to, decline: {} }],
  ['decline, busy', '', { ...to, decline: { reason: 'DECLINE_REASON_BUSY' } }],
  ['decline, not serving', '', { ...to, decline: { reason: 'DECLINE_REASON_NOT_SERVING' } }],
  [
    'decline, bad description',
    '',
    { ...to, decline: { reason: 'DECLINE_REASON_BAD_DESCRIPTION' } },
  ],
  [
    'decline, unknown reason',
    'Of a later version: as without reason.',
    { ...to, decline: { reason: 99 } },
  ],
];

const offering = (change: Json): Json => ({ ...to, offer: { ...offer, ...change } });
const naming = (change: Json): Json => ({
  ...to,
  candidates: { candidates: [{ ...host, ...change }] },
});

/** Signals that break a rule: name, rule, ProtoJSON. */
export const BAD_SIGNALS: readonly (readonly [string, string, Json])[] = [
  ['signal without peer_id', 'peer_id is never 0', { attempt: 1, decline: {} }],
  ['signal without attempt', 'attempts count from 1', { peerId: '1', decline: {} }],
  ['signal without body', 'exactly one is set', { ...to }],
  ['offer without anything', 'ice_ufrag has at least 4 characters', { ...to, offer: {} }],
  ['ufrag of 3', '4 to 256 characters', offering({ iceUfrag: 'abc' })],
  ['ufrag of 257', '4 to 256 characters', offering({ iceUfrag: 'a'.repeat(257) })],
  ['ufrag with a final LF', 'it would end a line of SDP', offering({ iceUfrag: 'abcd\n' })],
  ['ufrag with a space', 'not an ice-char', offering({ iceUfrag: 'ab cd' })],
  ['ufrag beyond ASCII', 'not an ice-char', offering({ iceUfrag: 'vögel' })],
  ['password of 21', '22 to 256 characters', offering({ icePwd: 'p'.repeat(21) })],
  ['password of 257', '22 to 256 characters', offering({ icePwd: 'p'.repeat(257) })],
  [
    'password with CR LF',
    'it would add a line to the SDP',
    offering({ icePwd: `${'p'.repeat(22)}\r\na=x` }),
  ],
  [
    'fingerprint of 31 bytes',
    '32 bytes',
    offering({ fingerprintSha256: `${'AAAA'.repeat(10)}AA==` }),
  ],
  ['no fingerprint', '32 bytes', offering({ fingerprintSha256: '' })],
  ['setup unspecified', 'never sent', offering({ setup: 'DTLS_SETUP_UNSPECIFIED' })],
  ['unknown setup', 'no such value', offering({ setup: 4 })],
  ['answer that leaves the role open', 'actpass is only for offers', { ...to, answer: offer }],
  ['9 ICE options', 'at most 8', offering({ iceOptions: Array(9).fill('ice2') })],
  ['ICE option of 65', 'at most 64 characters', offering({ iceOptions: ['o'.repeat(65)] })],
  ['empty ICE option', 'at least 1 character', offering({ iceOptions: [''] })],
  ['ICE option with CR LF', 'it would add a line', offering({ iceOptions: ['ice2\r\na=x'] })],
  [
    'sctp_init of 257 bytes',
    'at most 256',
    offering({ sctpInit: Buffer.alloc(257, 1).toString('base64') }),
  ],
  ...[
    ['request 0', 'request_id is never 0', { content: sha1Id('image'), length: 1 }],
    ['a request of nothing', 'content is missing', { requestId: 1, length: 1 }],
    ['a request of 0 bytes', '1 to 1,048,576 bytes', { requestId: 1, content: sha1Id('image') }],
  ].map(
    ([name, why, request]) =>
      [`answer with ${name}`, why, { ...to, answer: { ...answer, request } }] as [
        string,
        string,
        Json,
      ],
  ),
  ['SCTP port 65536', 'at most 65535', offering({ sctpPort: 65536 })],
  ['33 candidates in an offer', 'at most 32', offering({ candidates: Array(33).fill(host) })],
  ['33 candidates', 'at most 32', { ...to, candidates: { candidates: Array(33).fill(host) } }],
  ['foundation of 33', 'at most 32 characters', naming({ foundation: '1'.repeat(33) })],
  ['foundation with a space', 'it would add a field', naming({ foundation: '1 1' })],
  ['no address', '1 to 255 characters', naming({ address: '' })],
  ['two addresses', 'one of the two', naming({ packedAddress: 'wAACBw==' })],
  ['packed address of 3', '4 or 16 bytes', naming({ address: '', packedAddress: 'wAAC' })],
  [
    'packed address of 17',
    '4 or 16 bytes',
    naming({ address: '', packedAddress: `${'A'.repeat(23)}=` }),
  ],
  ['address of 256', '1 to 255 characters', naming({ address: 'a'.repeat(256) })],
  ['address with LF', 'it would end a line', naming({ address: '192.0.2.7\n' })],
  ['address with a space', 'it would add a field', naming({ address: '192.0.2.7 9' })],
  ['candidate port 65536', 'at most 65535', naming({ port: 65536 })],
  [
    'raw SDP of 16,386 bytes',
    'at most 16,384 bytes',
    { ...to, offer: { rawSdp: 'ä'.repeat(8193) } },
  ],
];
