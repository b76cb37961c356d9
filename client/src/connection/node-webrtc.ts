import { cleanup } from 'node-datachannel';
import { RTCPeerConnection as Polyfill } from 'node-datachannel/polyfill';
import type { Platform } from '../platform.ts';
import { browserPlatform } from '../platform.ts';

/**
 * How long an answering connection keeps the offerer's candidates from ICE, in ms: until the offerer
 * has the answer.
 *
 * libdatachannel answers connectivity checks before it has the remote description. If they come
 * from another libdatachannel, it then drops the first DTLS flight, which OpenSSL repeats after 1 s
 * (10 of 11 connections on two busy cores, measured), or starts DTLS with no fingerprint to check
 * against and refuses the answer ("Got a remote candidate without ICE transport"). Without
 * candidates the answerer stays silent until the offerer checks, which has the answer then; the
 * candidates follow for the sake of NATs. So 3 of 4 connections open within 100 ms, the others
 * after 1 s. Browsers keep early packets and are not concerned.
 */
const HOLD_CANDIDATES_MS = 100;

/**
 * The polyfill with this one change. What else is not as in a browser (0.33) and must be borne
 * by the code that uses it:
 * - creating a channel before `setRemoteDescription(offer)` begins an offer of its own;
 * - `createOffer` waits for a channel, `setLocalDescription` without an argument does nothing;
 * - the text of candidates starts with `a=`; they are announced when they are in the description
 *   already; no null ends them;
 * - `sctp.maxMessageSize` is null until connected; ICE options are separated by a comma;
 * - the send queue has no end (Chromium's is 16 MiB).
 */
class NodePeerConnection extends Polyfill {
  override async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    const { sdp = '', type } = description;
    if (type !== 'offer') return super.setRemoteDescription(description as never);
    const lines = sdp.split('\r\n');
    const isCandidate = (line: string) => line.startsWith('a=candidate:');
    const kept = lines.filter((line) => !isCandidate(line)).join('\r\n');
    await super.setRemoteDescription({ type, sdp: kept } as never);
    const release = () => {
      if (this.connectionState === 'closed') return;
      for (const line of lines.filter(isCandidate))
        this.addIceCandidate({ candidate: line.slice(2), sdpMid: '0' } as never).catch(() => {});
    };
    setTimeout(release, HOLD_CANDIDATES_MS).unref();
  }
}

/** The library's surroundings in Node: WebRTC from node-datachannel, all else is Node's own. */
export function nodePlatform(): Platform {
  return {
    ...browserPlatform(),
    WebSocket: globalThis.WebSocket,
    RTCPeerConnection: NodePeerConnection as unknown as typeof RTCPeerConnection,
    // A browser checks as soon as it has answered. What comes here before its answer does, libjuice
    // never gets over: of 15 offers to Chromium whose answers took 0 to 1 s, 3 stayed in `checking`
    // (measured), of 30 without candidates none.
    hasLateCandidates: true,
  };
}

/** Ends the native threads, once every connection is closed; connections can be made again after it. */
export function closeNodeWebRtc(): void {
  cleanup();
}
