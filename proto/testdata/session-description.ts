import type { JsonValue } from '@bufbuild/protobuf';
import { fromJson, toJson } from '@bufbuild/protobuf';
import { SessionDescriptionSchema } from '../src/full.ts';
import { vectorsOf } from './build.ts';
import { offer } from './signals.ts';
import type { SdpVector } from './types.ts';

const { valid } = vectorsOf(SessionDescriptionSchema);

const FINGERPRINT = Buffer.from(offer.fingerprintSha256, 'base64')
  .toString('hex')
  .toUpperCase()
  .replace(/..(?=.)/g, '$&:');

const head = ['v=0', 'o=- 1 1 IN IP4 0.0.0.0', 's=-', 't=0 0', 'a=group:BUNDLE 0'];
const SECTION = [
  ...head,
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 0.0.0.0',
  'a=mid:0',
];

interface Differs {
  readonly options?: string;
  readonly setup?: string;
  readonly port?: number;
  readonly size?: number;
  readonly more?: readonly string[];
}

function sdpOf({ options, setup = 'actpass', port = 5000, size = 65_536, more = [] }: Differs) {
  return [
    ...SECTION,
    `a=ice-ufrag:${offer.iceUfrag}`,
    `a=ice-pwd:${offer.icePwd}`,
    ...(options ? [`a=ice-options:${options}`] : []),
    `a=fingerprint:sha-256 ${FINGERPRINT}`,
    `a=setup:${setup}`,
    `a=sctp-port:${port}`,
    `a=max-message-size:${size}`,
    ...more,
  ];
}

function description(name: string, why: string, fields: object, differs: Differs): SdpVector {
  const message = fromJson(SessionDescriptionSchema, { ...offer, ...fields } as JsonValue);
  const json = toJson(SessionDescriptionSchema, message) as Record<string, unknown>;
  return { ...valid(name, why, json), sdp: sdpOf(differs) };
}

/** A candidate of type `type` and transport `transport`, by their numbers. */
const candidate = (type: number, transport: number, address = '192.0.2.7') => ({
  foundation: '3',
  priority: 1000,
  address,
  port: 9,
  type,
  transport,
});
const host = { foundation: '1', priority: 2122260223, address: '192.0.2.7', port: 54321 };
const HOST = 'a=candidate:1 1 udp 2122260223 192.0.2.7 54321 typ host';

/** Raw SDP that is refused, or loses a line. */
const raw = (name: string, why: string, rawSdp: readonly string[], sdp?: readonly string[]) => {
  const { hex, json } = valid(name, why, { rawSdp: rawSdp.map((line) => `${line}\r\n`).join('') });
  return sdp ? { name, description: why, hex, json, sdp } : { name, hex, json, why };
};

/** What a receiver makes of a description: the lines of its SDP. */
export const SESSION_DESCRIPTION: readonly SdpVector[] = [
  description('defaults', 'What is 0 or empty on the wire has a value in SDP.', {}, {}),
  description(
    'every field',
    'Candidates come last, with the foundations they were given.',
    {
      iceOptions: ['trickle', 'ice2'],
      sctpPort: 5001,
      maxMessageSize: 262144,
      sctpInit: 'AQAAHjt/CjMAUAAA/////w==',
      candidates: [host],
    },
    {
      options: 'trickle ice2',
      port: 5001,
      size: 262_144,
      more: ['a=sctp-init:AQAAHjt/CjMAUAAA/////w==', HOST],
    },
  ),
  description(
    'any message size',
    '0 in SDP means the same, and may stand here as well.',
    { maxMessageSize: 4294967295 },
    { size: 4_294_967_295 },
  ),
  description('active', 'An answer.', { setup: 'DTLS_SETUP_ACTIVE' }, { setup: 'active' }),
  description('passive', 'An answer.', { setup: 'DTLS_SETUP_PASSIVE' }, { setup: 'passive' }),
  description(
    'packed addresses',
    'An IPv4 address, and a name of mDNS. The priority is the foundation where there is none.',
    {
      candidates: [
        { priority: 2113937151, port: 54321, packedAddress: 'XhwfCmpbTD2ejwEjRWeJqw==' },
        { priority: 2113937150, port: 54322, packedAddress: 'wAACBw==' },
        // As a signed integer it would be negative.
        { priority: 4294967295, port: 54323, packedAddress: 'wAACBw==' },
      ],
    },
    {
      more: [
        'a=candidate:2113937151 1 udp 2113937151 5e1c1f0a-6a5b-4c3d-9e8f-0123456789ab.local 54321 typ host',
        'a=candidate:2113937150 1 udp 2113937150 192.0.2.7 54322 typ host',
        'a=candidate:4294967295 1 udp 4294967295 192.0.2.7 54323 typ host',
      ],
    },
  ),
  description(
    'every type and transport',
    'Related addresses say nothing.',
    {
      candidates: [
        candidate(0, 0, '2001:db8::7'),
        candidate(1, 0),
        candidate(2, 0),
        candidate(3, 0),
        candidate(0, 1),
        candidate(0, 2),
        candidate(1, 3),
      ],
    },
    {
      more: [
        'a=candidate:3 1 udp 1000 2001:db8::7 9 typ host',
        'a=candidate:3 1 udp 1000 192.0.2.7 9 typ srflx raddr 0.0.0.0 rport 0',
        'a=candidate:3 1 udp 1000 192.0.2.7 9 typ prflx raddr 0.0.0.0 rport 0',
        'a=candidate:3 1 udp 1000 192.0.2.7 9 typ relay raddr 0.0.0.0 rport 0',
        'a=candidate:3 1 tcp 1000 192.0.2.7 9 typ host tcptype active',
        'a=candidate:3 1 tcp 1000 192.0.2.7 9 typ host tcptype passive',
        'a=candidate:3 1 tcp 1000 192.0.2.7 9 typ srflx raddr 0.0.0.0 rport 0 tcptype so',
      ],
    },
  ),
  description(
    'candidates to discard',
    'Names that would be looked up by DNS, a type and a transport of a later version; the last one stays.',
    {
      candidates: [
        candidate(0, 0, 'host.example.com'),
        candidate(0, 0, 'localhost'),
        candidate(0, 0, 'a.b.local'),
        candidate(4, 0),
        candidate(0, 4),
        candidate(0, 0, 'printer.local'),
      ],
    },
    { more: ['a=candidate:3 1 udp 1000 printer.local 9 typ host'] },
  ),
  raw(
    'raw SDP',
    'As it is, but without the candidate whose name would be looked up.',
    [...sdpOf({}), 'a=candidate:1 1 udp 5 host.example.com 9 typ host', HOST],
    [...sdpOf({}), HOST],
  ),
  raw('raw SDP with audio', 'other media than a data channel', [
    ...sdpOf({}),
    'm=audio 9 UDP/TLS/RTP/SAVPF 111',
  ]),
  raw('raw SDP of nothing', 'no media', head),
];
