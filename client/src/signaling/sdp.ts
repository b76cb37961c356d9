import type { SessionDescription } from '@zauberflote/proto';
import {
  CandidateType,
  fromBase64,
  fromHex,
  ICE_PWD,
  ICE_UFRAG,
  MAX_CANDIDATES,
  MAX_RAW_SDP_BYTES,
  MAX_SCTP_INIT_BYTES,
  Transport,
  toBase64,
  toHex,
} from '@zauberflote/proto';
import type { DescriptionInit } from '../tracker/types.ts';

/** A Candidate to be sent. */
export type CandidateInit = NonNullable<DescriptionInit['candidates']>[number];

/** By DtlsSetup. */
const SETUP = ['', 'actpass', 'active', 'passive'];
/** By CandidateType. */
const TYPE = ['host', 'srflx', 'prflx', 'relay'];
/** By Transport. UDP has none. */
const TCP_TYPE = ['', 'active', 'passive', 'so'];
const CANDIDATE =
  /^(?:a=)?candidate:[a-z0-9+/]{1,32} 1 (udp|tcp) (\d+) (\S+) (\d+) typ (\w+)(?:.* tcptype (\w+))?/i;
// Any host name but an mDNS one (a single label under .local) would be a DNS query of the sender's
// choosing.
const ADDRESS = /^(?:[0-9.]+|[0-9a-f.]*:[0-9a-f.:]+|[a-z0-9-]+\.local)$/i;
const IPV4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/;
const MDNS = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\.local$/;

/**
 * The local description `sdp` as it travels: its fields, or the whole text where it does not fit
 * them (more than a data channel, another fingerprint hash, another mid than "0").
 * @throws {RangeError} if it does not fit and is longer than the protocol allows.
 */
export function describe(sdp: string): DescriptionInit {
  const compact = toFields(sdp.split(/\r?\n/));
  if (compact) return compact;
  if (sdp.length > MAX_RAW_SDP_BYTES)
    throw new RangeError(`a session description of ${sdp.length} characters is too long to send`);
  return { rawSdp: sdp };
}

function toFields(lines: readonly string[]): DescriptionInit | undefined {
  // Session or media level: with one media section they mean the same.
  const values = (name: string) =>
    lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length));
  const media = values('m=');
  const fingerprints = values('a=fingerprint:')
    .map((value) => /^sha-256 ((?:[0-9a-f]{2}:){31}[0-9a-f]{2})$/i.exec(value)?.[1])
    .filter((value) => value !== undefined);
  const [iceUfrag = ''] = values('a=ice-ufrag:');
  const [icePwd = ''] = values('a=ice-pwd:');
  const setup = SETUP.indexOf(values('a=setup:')[0] ?? '');
  const sctpPort = Number(values('a=sctp-port:')[0]);
  const maxMessageSize = Number(values('a=max-message-size:')[0] ?? 65_536);
  if (
    media.length !== 1 ||
    !/^application \d+ UDP\/DTLS\/SCTP webrtc-datachannel$/.test(media[0]!) ||
    values('a=mid:')[0] !== '0' ||
    fingerprints.length !== 1 ||
    !ICE_UFRAG.test(iceUfrag) ||
    !ICE_PWD.test(icePwd) ||
    setup < 1 ||
    !(sctpPort >= 1 && sctpPort <= 65_535) ||
    !(maxMessageSize >= 0)
  )
    return undefined;
  return {
    iceUfrag,
    icePwd,
    fingerprintSha256: fromHex(fingerprints[0]!),
    setup,
    // libdatachannel separates them by a comma (0.33: "ice2,trickle"), RFC 8839 by a space.
    iceOptions: values('a=ice-options:')
      .flatMap((value) => value.split(/[ ,]/))
      .filter((option) => /^[\w+/-]{1,64}$/.test(option))
      .slice(0, 8),
    sctpPort: sctpPort === 5000 ? 0 : sctpPort,
    // In SDP 0 means any size; on the wire it means 65,536.
    maxMessageSize:
      maxMessageSize === 65_536 ? 0 : Math.min(maxMessageSize || 0xffffffff, 0xffffffff),
    sctpInit: sctpInitOf(values('a=sctp-init:')[0]),
    candidates: values('a=')
      .map(parseCandidate)
      .filter((candidate) => candidate !== undefined)
      .sort((a, b) => b.priority! - a.priority!)
      .slice(0, MAX_CANDIDATES),
  };
}

/** The first of each type, then all others: whoever is not in this network needs those that are not hosts. */
export function firstOfEachType(candidates: readonly CandidateInit[]): CandidateInit[] {
  const best = candidates.filter(
    ({ type }, at) => candidates.findIndex((each) => each.type === type) === at,
  );
  return [...new Set([...best, ...candidates])];
}

/** As the wire has it; nothing where it is not as it should be: the connection comes without it, too. */
function sctpInitOf(base64 = ''): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64(base64);
  return bytes && bytes.length <= MAX_SCTP_INIT_BYTES ? bytes : new Uint8Array();
}

/**
 * Reads a candidate attribute, with or without `a=`. Undefined for what is not sent: other
 * components and transports, host names, and active TCP candidates (the passive side learns the
 * address from the check itself).
 */
export function parseCandidate(line: string): CandidateInit | undefined {
  const match = CANDIDATE.exec(line);
  if (!match) return undefined;
  const [, protocol, priority, address, port, typ, tcpType] = match;
  const type = TYPE.indexOf(typ!.toLowerCase());
  const isUdp = protocol!.toLowerCase() === 'udp';
  const transport = isUdp ? Transport.UNSPECIFIED : TCP_TYPE.indexOf(tcpType ?? '-');
  if (
    type < 0 ||
    transport < 0 ||
    transport === Transport.TCP_ACTIVE ||
    !ADDRESS.test(address!) ||
    Number(port) > 65_535 ||
    Number(priority) > 0xffffffff
  )
    return undefined;
  return {
    // Left out: what stands for it differs for candidates of different bases as well.
    priority: Number(priority),
    transport,
    ...pack(address!),
    port: Number(port),
    type,
  };
}

/** IPv4 addresses and the names that browsers make for mDNS in few bytes, others as they are. */
function pack(address: string): Pick<CandidateInit, 'address' | 'packedAddress'> {
  const bytes = MDNS.test(address)
    ? fromHex(address.slice(0, 36))
    : Uint8Array.from(IPV4.exec(address)?.slice(1) ?? [], Number);
  return unpack(bytes) === address ? { packedAddress: bytes } : { address };
}

function unpack(bytes: Uint8Array): string {
  return bytes.length === 4
    ? bytes.join('.')
    : `${toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}.local`;
}

/** A received candidate as `RTCPeerConnection.addIceCandidate` takes it; undefined: discard it. */
export function formatCandidate(candidate: CandidateInit): string | undefined {
  const { priority = 0, transport = 0, packedAddress, port = 0, type = 0 } = candidate;
  const foundation = candidate.foundation || priority;
  const address = packedAddress?.length ? unpack(packedAddress) : (candidate.address ?? '');
  const typ = TYPE[type];
  const tcpType = TCP_TYPE[transport];
  if (!typ || tcpType === undefined || !ADDRESS.test(address)) return undefined;
  // RFC 8839 wants a related address with all but host candidates; this one says nothing.
  const related = type === CandidateType.UNSPECIFIED ? '' : ' raddr 0.0.0.0 rport 0';
  const tcp = tcpType ? ` tcptype ${tcpType}` : '';
  const protocol = tcpType ? 'tcp' : 'udp';
  return `candidate:${foundation} 1 ${protocol} ${priority} ${address} ${port} typ ${typ}${related}${tcp}`;
}

/**
 * The text for `setRemoteDescription`, from a description that the codec has checked.
 * @throws {Error} if its raw SDP asks for more than a data channel.
 */
export function rebuild(description: SessionDescription): string {
  if (description.rawSdp) return checkRaw(description.rawSdp);
  const fingerprint = toHex(description.fingerprintSha256).toUpperCase().match(/../g)!.join(':');
  const { iceOptions, maxMessageSize, sctpInit, sctpPort } = description;
  return [
    'v=0',
    'o=- 1 1 IN IP4 0.0.0.0',
    's=-',
    't=0 0',
    'a=group:BUNDLE 0',
    'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
    'c=IN IP4 0.0.0.0',
    'a=mid:0',
    `a=ice-ufrag:${description.iceUfrag}`,
    `a=ice-pwd:${description.icePwd}`,
    ...(iceOptions.length > 0 ? [`a=ice-options:${iceOptions.join(' ')}`] : []),
    `a=fingerprint:sha-256 ${fingerprint}`,
    `a=setup:${SETUP[description.setup]}`,
    `a=sctp-port:${sctpPort || 5000}`,
    `a=max-message-size:${maxMessageSize || 65_536}`,
    ...(sctpInit.length > 0 ? [`a=sctp-init:${toBase64(sctpInit)}`] : []),
    ...description.candidates
      .map(formatCandidate)
      .filter(Boolean)
      .map((text) => `a=${text}`),
    '',
  ].join('\r\n');
}

/** Another peer's SDP must not open a media decoder here, nor make this machine look up names. */
function checkRaw(sdp: string): string {
  const lines = sdp
    .split(/\r\n|[\r\n]/)
    .filter((line) => !/^a=candidate:/i.test(line) || ADDRESS.test(line.split(' ')[4] ?? ''));
  const media = lines.filter((line) => /^m=/i.test(line));
  if (media.length !== 1 || !media[0]!.startsWith('m=application '))
    throw new Error('other media than a data channel');
  return lines.join('\r\n');
}
