import { describe } from '../../client/src/signaling/sdp.ts';
import type { DescriptionInit } from '../../client/src/tracker/types.ts';
import { seeded } from '../../demo/random.ts';

/** One end's session description, in the forms in which the two trackers carry it. */
export interface Description {
  readonly ufrag: string;
  readonly pwd: string;
  /** As text, for bittorrent-tracker. */
  readonly sdp: string;
  /** As fields, for Zauberflöte: as its client makes them of that text and the line of ICE options. */
  readonly compact: DescriptionInit;
}

export interface OfferAndAnswer {
  readonly offer: Description;
  readonly answer: Description;
}

const COUNT = 64;
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const HEX = '0123456789abcdef';

/**
 * Pairs of descriptions, the same for both trackers, in the form of Chromium's with the two
 * candidates most visitors have: a host name under ".local" (mDNS) and the address that a STUN
 * server sees. WebTorrent's simple-peer removes the line of ICE options.
 */
export const PAIRS: readonly OfferAndAnswer[] = makePairs(seeded(1791));

const byUfrag = new Map(PAIRS.map((pair) => [pair.offer.ufrag, pair]));

/** The pair whose offer or answer has this user name fragment. */
export function pairOf(ufrag: string): OfferAndAnswer | undefined {
  return byUfrag.get(ufrag);
}

function makePairs(random: () => number): OfferAndAnswer[] {
  const pairs = new Map<string, OfferAndAnswer>();
  while (pairs.size < COUNT) {
    const ufrag = letters(BASE64, 4);
    const offer = make(ufrag, 'actpass');
    pairs.set(ufrag, { offer, answer: make(ufrag, 'active') });
  }
  return [...pairs.values()];

  function make(ufrag: string, role: 'actpass' | 'active'): Description {
    const pwd = letters(BASE64, 24);
    const fingerprint = Uint8Array.from({ length: 32 }, () => random() * 256);
    const name = [8, 4, 4, 4, 12].map((length) => letters(HEX, length)).join('-');
    const port = 32_768 + Math.floor(random() * 28_000);
    const host = { foundation: number(), priority: 2_113_937_151, address: `${name}.local`, port };
    const address = `203.0.113.${Math.floor(random() * 256)}`;
    const reflexive = { foundation: number(), priority: 1_677_729_535, address, port, type: 1 };
    const colons = [...fingerprint].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    const lines = [
      'v=0',
      `o=- ${number()}${number().slice(0, 9)} 2 IN IP4 127.0.0.1`,
      's=-',
      't=0 0',
      'a=group:BUNDLE 0',
      'a=extmap-allow-mixed',
      'a=msid-semantic: WMS',
      `m=application ${port} UDP/DTLS/SCTP webrtc-datachannel`,
      `c=IN IP4 ${address}`,
      `a=candidate:${host.foundation} 1 udp ${host.priority} ${host.address} ${port} typ host generation 0 network-cost 999`,
      `a=candidate:${reflexive.foundation} 1 udp ${reflexive.priority} ${address} ${port} typ srflx raddr 0.0.0.0 rport 0 generation 0 network-cost 999`,
      `a=ice-ufrag:${ufrag}`,
      `a=ice-pwd:${pwd}`,
      `a=fingerprint:sha-256 ${colons.toUpperCase()}`,
      `a=setup:${role}`,
      'a=mid:0',
      'a=sctp-port:5000',
      'a=max-message-size:262144',
      '',
    ];
    const sdp = lines.join('\r\n');
    return { ufrag, pwd, sdp, compact: describe(`${sdp}a=ice-options:trickle\r\n`) };
  }

  function letters(alphabet: string, length: number): string {
    return Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join('');
  }

  function number(): string {
    return String(1_000_000_000 + Math.floor(random() * 3_000_000_000));
  }
}
