import assert from 'node:assert/strict';
import type { SessionDescription } from '@zauberflote/proto';
import {
  CandidateType,
  DtlsSetup,
  decodeSessionRequest,
  encodeSessionRequest,
  fromHex,
  MAX_CANDIDATES,
  MAX_RAW_SDP_BYTES,
  ProtocolError,
  Transport,
} from '@zauberflote/proto';
import fc from 'fast-check';
import type { DescriptionInit } from '../tracker/types.ts';
import { describe as describeSdp, formatCandidate, parseCandidate, rebuild } from './sdp.ts';
import {
  CHROMIUM_ANSWER,
  CHROMIUM_OFFER,
  FIREFOX_OFFER,
  NODE_DATACHANNEL_OFFER,
} from './sdp-samples.ts';

/** As the other peer gets it: encoded, decoded and checked. */
function overTheWire(
  value: DescriptionInit,
  kind: 'offer' | 'answer' = 'offer',
): SessionDescription {
  const body = { case: kind, value } as const;
  const frame = encodeSessionRequest({ case: 'signal', value: { peerId: 1n, attempt: 1, body } });
  const decoded = decodeSessionRequest(frame).body;
  assert.ok(decoded.case === 'signal' && decoded.value.body.case === kind);
  return decoded.value.body.value;
}

const lines = (sdp: string) => sdp.split('\r\n');

/** What a description says, whatever the order. */
function essence(sdp: string): DescriptionInit {
  const description = describeSdp(sdp);
  assert.ok(!description.rawSdp);
  return description;
}

describe('describe and rebuild', () => {
  it('reduce a Chromium offer to its fields', () => {
    assert.deepEqual(describeSdp(CHROMIUM_OFFER), {
      iceUfrag: 'RAqn',
      icePwd: 'K/0AbsA0OSEo8w5pG4iXg9vt',
      fingerprintSha256: Uint8Array.from(
        Buffer.from('AD4456C7CCF0D752FBE05B549A9DDFB0051BF9D64054B0CF044863000C2F3679', 'hex'),
      ),
      setup: DtlsSetup.ACTPASS,
      iceOptions: ['trickle'],
      sctpPort: 0,
      maxMessageSize: 262_144,
      sctpInit: new Uint8Array(),
      candidates: [
        {
          priority: 2113942271,
          transport: Transport.UNSPECIFIED,
          packedAddress: fromHex('9b2585988ba242558157911951dd3ac5'),
          port: 60280,
          type: CandidateType.UNSPECIFIED,
        },
        {
          priority: 2113937151,
          transport: Transport.UNSPECIFIED,
          packedAddress: fromHex('ce3eebf5d14a4779b3aae35d3aba62d2'),
          port: 51381,
          type: CandidateType.UNSPECIFIED,
        },
      ],
    });
  });

  it('carry what SCTP would send first, as Chromium does with WebRTC-Sctp-Snap', () => {
    const line = 'a=sctp-init:AQAAHjt/CjMAUAAA/////5uO+5LAAAAEgAgABoLA\r\n';
    const rebuilt = rebuild(overTheWire(describeSdp(CHROMIUM_OFFER + line)));
    assert.ok(rebuilt.includes(line));
    for (const bad of ['a=sctp-init:!\r\n', `a=sctp-init:${'AAAA'.repeat(86)}\r\n`]) {
      const without = rebuild(overTheWire(describeSdp(CHROMIUM_OFFER + bad)));
      assert.ok(!without.includes('sctp-init'));
    }
  });

  it('give back an SDP with all that was described', () => {
    assert.equal(
      rebuild(overTheWire(describeSdp(CHROMIUM_ANSWER), 'answer')),
      `v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:0
a=ice-ufrag:g8qz
a=ice-pwd:3NF2XinSUwfhw+puB5kpBCKh
a=ice-options:trickle
a=fingerprint:sha-256 DE:51:06:72:FD:79:05:D0:C7:6C:1C:A4:CC:7B:8C:C1:E6:AA:3D:CF:42:2E:CE:6B:2A:FF:75:4C:2D:D0:CA:52
a=setup:active
a=sctp-port:5000
a=max-message-size:262144
a=candidate:2113942271 1 udp 2113942271 fd00::2 33114 typ host
a=candidate:2113937151 1 udp 2113937151 192.0.2.2 44031 typ host
`.replaceAll('\n', '\r\n'),
    );
  });

  for (const [name, sdp, kind] of [
    ['Chromium offer', CHROMIUM_OFFER, 'offer'],
    ['Chromium answer', CHROMIUM_ANSWER, 'answer'],
    ['node-datachannel offer', NODE_DATACHANNEL_OFFER, 'offer'],
    ['Firefox offer', FIREFOX_OFFER, 'offer'],
  ] as const)
    it(`keep a ${name} the same over a round trip, in a third of its size`, () => {
      const description = describeSdp(sdp);
      assert.deepEqual(essence(rebuild(overTheWire(description, kind))), description);
      const frame = encodeSessionRequest({
        case: 'signal',
        value: { peerId: 1n, attempt: 1, body: { case: kind, value: description } },
      });
      assert.ok(frame.length < sdp.length / 3, `${frame.length} of ${sdp.length}`);
    });

  it('read session-level attributes, reflexive and relayed candidates, and drop active TCP', () => {
    const { candidates, maxMessageSize, iceOptions } = essence(FIREFOX_OFFER);
    assert.deepEqual(
      candidates!.map((candidate) => candidate.type),
      [CandidateType.UNSPECIFIED, CandidateType.SERVER_REFLEXIVE, CandidateType.RELAYED],
    );
    assert.equal(maxMessageSize, 1_073_741_823);
    assert.deepEqual(iceOptions, ['trickle']);
    assert.deepEqual(essence(NODE_DATACHANNEL_OFFER).iceOptions, ['ice2', 'trickle']);
  });

  it('translate the defaults of SDP and of the protocol', () => {
    const change = (from: RegExp, to: string) => essence(CHROMIUM_OFFER.replace(from, to));
    const without = change(/a=max-message-size.*\r\n/, '');
    assert.equal(without.maxMessageSize, 0);
    assert.match(rebuild(overTheWire(without)), /a=max-message-size:65536\r\n/);
    assert.equal(change(/(a=max-message-size:).*/, '$10').maxMessageSize, 0xffffffff);
    const port = change(/(a=sctp-port:).*/, '$15001');
    assert.equal(port.sctpPort, 5001);
    assert.match(rebuild(overTheWire(port)), /a=sctp-port:5001\r\n/);
  });

  it('send the candidates of highest priority where there are too many', () => {
    const more = Array.from(
      { length: 2 * MAX_CANDIDATES },
      (_, n) => `a=candidate:1 1 udp ${n + 1} 192.0.2.1 ${n + 1} typ host\r\n`,
    ).join('');
    const { candidates } = essence(CHROMIUM_OFFER + more);
    assert.equal(candidates!.length, MAX_CANDIDATES);
    assert.equal(candidates!.at(-1)!.priority, 2 * MAX_CANDIDATES - (MAX_CANDIDATES - 3));
    overTheWire({ ...describeSdp(CHROMIUM_OFFER), candidates } as DescriptionInit);
  });

  for (const [name, from, to] of [
    ['another fingerprint hash', /sha-256 /, 'sha-512 '],
    ['another mid', /a=mid:0/, 'a=mid:data'],
    ['a second medium', /$/, 'm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n'],
    ['another protocol', /UDP\/DTLS/, 'TCP/DTLS'],
    ['no ICE password', /a=ice-pwd.*\r\n/, ''],
    ['an ICE user name of other characters', /a=ice-ufrag:.*/, 'a=ice-ufrag:a b c'],
    ['no SCTP port', /a=sctp-port.*\r\n/, ''],
    ['no setup role', /a=setup.*\r\n/, ''],
  ] as const)
    it(`send the whole text of a description with ${name}`, () => {
      const sdp = CHROMIUM_OFFER.replace(from, to);
      assert.deepEqual(describeSdp(sdp), { rawSdp: sdp });
      overTheWire({ rawSdp: sdp });
    });

  it('refuse a text that is too long to send', () => {
    const sdp = CHROMIUM_OFFER.replace('a=mid:0', 'a=mid:1') + 'a=x\r\n'.repeat(MAX_RAW_SDP_BYTES);
    assert.throws(() => describeSdp(sdp), RangeError);
  });
});

describe('candidates', () => {
  const base = { foundation: '1', priority: 5, address: '192.0.2.1', port: 9 };

  it('are read with or without a=, and written without', () => {
    const text = 'candidate:5 1 udp 5 192.0.2.1 9 typ host';
    assert.deepEqual(parseCandidate(`a=${text} generation 0`), parseCandidate(text));
    assert.equal(formatCandidate(parseCandidate(text)!), text);
  });

  it('have their priority for a foundation where there is none', () => {
    const [parsed] = [parseCandidate('candidate:77 1 udp 5 192.0.2.1 9 typ host')!];
    assert.equal(parsed.foundation, undefined);
    assert.equal(formatCandidate(parsed), 'candidate:5 1 udp 5 192.0.2.1 9 typ host');
    assert.equal(formatCandidate(base), 'candidate:1 1 udp 5 192.0.2.1 9 typ host');
  });

  it('are packed where that says the same, and nowhere else', () => {
    const packed = [
      '192.0.2.1',
      '0.0.0.0',
      '255.255.255.255',
      '01234567-89ab-cdef-0123-456789abcdef.local',
    ];
    const others = [
      '192.0.2.01',
      '192.0.2.256',
      '192.0.2',
      '2001:db8::1',
      'ab-12.local',
      '01234567-89AB-cdef-0123-456789abcdef.local',
      '01234567-89ab-cdef-0123-456789abcdef0.local',
    ];
    for (const address of [...packed, ...others]) {
      const text = `candidate:5 1 udp 5 ${address} 9 typ host`;
      const parsed = parseCandidate(text)!;
      assert.equal(parsed.address, packed.includes(address) ? undefined : address);
      assert.equal(formatCandidate(parsed), text);
    }
  });

  it('of passive TCP and of relays keep what ICE needs', () => {
    const tcp = 'candidate:5 1 tcp 5 192.0.2.1 9 typ host tcptype passive';
    assert.equal(formatCandidate(parseCandidate(tcp)!), tcp);
    assert.equal(
      formatCandidate({ ...base, type: CandidateType.RELAYED }),
      'candidate:1 1 udp 5 192.0.2.1 9 typ relay raddr 0.0.0.0 rport 0',
    );
  });

  it('with an mDNS name pass, with any other host name they do not', () => {
    for (const address of ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1', 'ab-12.local'])
      assert.ok(formatCandidate({ ...base, address }), address);
    for (const address of ['example.com', 'a.b.local', 'local', 'localhost', '.local', '', 'dead'])
      assert.equal(formatCandidate({ ...base, address }), undefined, address);
    assert.equal(parseCandidate('candidate:1 1 udp 5 example.com 9 typ host'), undefined);
  });

  it('of unknown kinds are discarded', () => {
    assert.equal(formatCandidate({ ...base, type: 9 as CandidateType }), undefined);
    assert.equal(formatCandidate({ ...base, transport: 9 as Transport }), undefined);
    for (const line of [
      '',
      'candidate:',
      'candidate:1 2 udp 5 192.0.2.1 9 typ host',
      'candidate:1 1 sctp 5 192.0.2.1 9 typ host',
      'candidate:1 1 udp 5 192.0.2.1 9 typ moon',
      'candidate:1 1 tcp 5 192.0.2.1 9 typ host',
      'candidate:1 1 udp 5 192.0.2.1 99999 typ host',
      'candidate:1 1 udp 5000000000 192.0.2.1 9 typ host',
    ])
      assert.equal(parseCandidate(line), undefined, line);
  });
});

describe('a hostile description', () => {
  // Much to reckon: a bound for what hangs, not for a machine that is busy.

  /** The attributes that a rebuilt SDP of `count` candidates has, whatever the values are. */
  function assertShape(sdp: string): void {
    assert.doesNotMatch(sdp.replaceAll('\r\n', ''), /[\r\n]/);
    for (const line of lines(sdp).slice(0, -1)) {
      assert.match(
        line,
        /^(v=0|o=- 1 1 IN IP4 0\.0\.0\.0|s=-|t=0 0|c=IN IP4 0\.0\.0\.0|m=application 9 UDP\/DTLS\/SCTP webrtc-datachannel|a=(group:BUNDLE 0|mid:0|ice-ufrag:[\w+/]+|ice-pwd:[\w+/]+|ice-options:[\w+/ -]+|fingerprint:sha-256 [0-9A-F:]{95}|setup:(actpass|active|passive)|sctp-port:\d+|max-message-size:\d+|candidate:.*))$/,
      );
    }
    assert.equal(lines(sdp).filter((line) => line.startsWith('m=')).length, 1);
  }

  it('cannot smuggle a line into the SDP', () => {
    const good = describeSdp(CHROMIUM_OFFER);
    const evil = 'abcd\r\nm=audio 9 RTP/AVP 0';
    for (const bad of [
      { iceUfrag: evil },
      { icePwd: `${good.icePwd}\nm=audio 9 RTP/AVP 0` },
      { iceOptions: ['trickle', evil] },
      { iceOptions: ['a b'] },
      { fingerprintSha256: new Uint8Array(33) },
      { candidates: [{ ...good.candidates![0]!, foundation: evil }] },
      { candidates: [{ ...good.candidates![0]!, address: '192.0.2.1' }] },
      ...['192.0.2.1\r\na=x', '192.0.2.1 9 typ host'].map((address) => ({
        candidates: [{ address }],
      })),
      ...[1, 3, 5, 15, 17].map((length) => ({
        candidates: [{ packedAddress: new Uint8Array(length) }],
      })),
      { setup: 77 as DtlsSetup },
    ])
      assert.throws(() => overTheWire({ ...good, ...bad } as DescriptionInit), ProtocolError);
  });

  it('is either refused or an SDP of one data channel, whatever its fields hold', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.string({ unit: fc.constantFrom('a', '7', '+', '/', '\r', '\n', ' ', ':'), maxLength: 40 }),
      fc.constantFrom('RAqn', 'K/0AbsA0OSEo8w5pG4iXg9vt', 'trickle', '192.0.2.1', 'x.local'),
    );
    const uint32 = fc.nat(0xffffffff);
    const candidate = fc.record({
      foundation: fc.oneof(text, fc.constant('1')),
      priority: uint32,
      transport: fc.nat(5),
      address: text,
      packedAddress: fc.oneof(
        { weight: 3, arbitrary: fc.constant(new Uint8Array()) },
        fc.uint8Array({ maxLength: 17 }),
      ),
      port: fc.nat(70_000),
      type: fc.nat(5),
    });
    let rebuilt = 0;
    fc.assert(
      fc.property(
        fc.record({
          iceUfrag: fc.oneof(text, fc.constant('RAqn')),
          icePwd: fc.oneof(text, fc.constant('K/0AbsA0OSEo8w5pG4iXg9vt')),
          fingerprintSha256: fc.uint8Array({ minLength: 31, maxLength: 32 }),
          setup: fc.nat(4),
          iceOptions: fc.array(text, { maxLength: 3 }),
          sctpPort: fc.nat(70_000),
          maxMessageSize: uint32,
          candidates: fc.array(candidate, { maxLength: 3 }),
        }),
        (init) => {
          let description: SessionDescription;
          try {
            description = overTheWire(init as DescriptionInit);
          } catch (error) {
            assert.ok(error instanceof ProtocolError);
            return;
          }
          rebuilt++;
          assertShape(rebuild(description));
        },
      ),
      { numRuns: 20_000, seed: 20150629 },
    );
    assert.ok(rebuilt > 50, `${rebuilt} were rebuilt`);
  });

  it('in raw form opens no media and looks up no names', () => {
    const raw = (rawSdp: string) => rebuild(overTheWire({ rawSdp }));
    for (const evil of [
      `${CHROMIUM_OFFER}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n`,
      `${CHROMIUM_OFFER}m=video 9 UDP/TLS/RTP/SAVPF 96\n`,
      `${CHROMIUM_OFFER}a=x\rm=audio 9 UDP/TLS/RTP/SAVPF 111\r`,
      CHROMIUM_OFFER.replace('m=application', 'm=audio'),
      'hello',
    ])
      assert.throws(() => raw(evil), /other media than a data channel/);
    const sdp = raw(`${CHROMIUM_OFFER}a=candidate:1 1 udp 5 evil.example.com 9 typ host\r\n`);
    assert.equal(sdp, CHROMIUM_OFFER);
  });
});
