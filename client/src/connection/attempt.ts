import type { Candidate, Init, Request, SessionDescription } from '@zauberflote/proto';
import {
  DeclineReason,
  encodePeerMessage,
  MAX_CANDIDATES,
  MAX_DEPOSITED_CANDIDATES,
  SUBPROTOCOL,
} from '@zauberflote/proto';
import type { Platform } from '../platform.ts';
import type { CandidateInit } from '../signaling/sdp.ts';
import {
  describe,
  firstOfEachType,
  formatCandidate,
  parseCandidate,
  rebuild,
} from '../signaling/sdp.ts';
import type { SignalingChannel } from '../signaling/signaling-channel.ts';
import type { DescriptionInit, PeerId } from '../tracker/types.ts';
import type { Link } from './open-connection.ts';
import { closeLink, HIGH_WATER_BYTES } from './open-connection.ts';

/**
 * How long an attempt may take, in ms. It takes a second on a bad line, several with lost packets
 * (DTLS repeats a flight after 1, 2, 4 s). Nobody waits for it: other peers and HTTP go on.
 */
export const ATTEMPT_TIMEOUT_MS = 15_000;

/**
 * A description waits at most this long for candidates, in ms, and this long for another one after
 * one came. Host candidates take 2-3 ms in Chromium 156, those of IPv4 and IPv6 come at most 1.5 ms
 * apart, on a processor four times as slow too, while `complete` takes over 100 ms there (all measured, with
 * and without mDNS names). Later ones follow in messages of their own.
 */
export const GATHER_MS = 100;
export const GATHER_QUIET_MS = 4;

/**
 * How long an offer that was left for whoever comes waits for an answer, in ms: longer than the
 * tracker gives it away (45 s) by what a newcomer may take to use it.
 */
export const DEPOSIT_MS = 60_000;

/**
 * Whoever left an offer may be gone, and nobody would say so. An attempt in doubt that ICE has brought
 * nowhere is given up at the second look, so many ms apart: a round trip takes a second at most. After
 * the first look a page that was busy hears what has come meanwhile.
 */
export const ICE_LOOK_MS = 1_500;

/**
 * Such an offer is in no hurry, and nothing can follow it before its answer: it waits so long, in ms,
 * for STUN servers too.
 */
export const DEPOSIT_GATHER_MS = 1_000;

/** Most candidates taken from the other side: each one makes this machine send to an address it chose. */
export const MAX_REMOTE_CANDIDATES = 2 * MAX_CANDIDATES;

export interface AttemptHandlers {
  /** What goes with the answer: the first request, if it is known already. Not asked for where it could not go. */
  firstRequest(): Init<Request> | undefined;
  /** Both channels are open; `early` came over them before. The link belongs to the caller now. */
  onOpen(link: Link, early: readonly unknown[]): void;
  /** It failed. The other peer was told where that is of use. */
  onFail(): void;
}

/** How to reach the other peer: what is sent goes to it, under the number of this attempt. */
export interface Route {
  readonly signaling: SignalingChannel;
  /** Undefined while an offer that was left with the tracker has no answer. */
  readonly peer: PeerId | undefined;
  readonly id: number;
}

/**
 * The way from nothing, or from an offer, to two open channels.
 *
 * - `preparing`: making the local description.
 * - `offered`: an offer is out and has no answer.
 * - `connecting`: both descriptions are exchanged.
 * - `done`: open, failed or given up.
 */
export class Attempt {
  readonly role: 'offerer' | 'answerer';
  #route: Route;
  #state: 'preparing' | 'offered' | 'connecting' | 'done' = 'preparing';
  readonly #platform: Platform;
  readonly #handlers: AttemptHandlers;
  readonly #pc: RTCPeerConnection;
  readonly #offered: SessionDescription | undefined;
  #channels: Omit<Link, 'pc'> | undefined;
  #cancelTimeout: () => void;
  #cancelGathering: (() => void) | undefined;
  /** While it is in doubt. */
  #cancelLook: (() => void) | undefined;
  /** Until there is a description to send them with, candidates stay in the connection. */
  #described: Set<string> | undefined;
  /** Those that wait for a peer to be sent to. */
  #late: CandidateInit[] = [];
  /** Whether candidates were sent by themselves. */
  #hasStraggled = false;
  #remoteReady = false;
  #remoteCandidates: string[] = [];
  #remoteCount = 0;
  /** What went with the answer. */
  #asked: Init<Request> | undefined;
  #early: unknown[] = [];
  #earlyBytes = 0;

  /** @param offer what to answer; without it, this side offers. */
  constructor(
    pc: RTCPeerConnection,
    platform: Platform,
    route: Route,
    handlers: AttemptHandlers,
    offer?: SessionDescription,
  ) {
    this.#pc = pc;
    this.#platform = platform;
    this.#route = route;
    this.#handlers = handlers;
    this.role = offer ? 'answerer' : 'offerer';
    const timeout = route.peer === undefined ? DEPOSIT_MS : ATTEMPT_TIMEOUT_MS;
    this.#cancelTimeout = platform.setTimer(timeout, () => this.#fail());
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === 'failed' || pc.connectionState === 'closed') this.#fail();
    };
    this.#offered = offer;
  }

  /** Begins. Not done by the constructor, because it may fail at once. */
  start(): void {
    const offer = this.#offered;
    void (offer ? this.#answer(offer) : this.#offer()).catch(() => this.#fail());
  }

  get route(): Route {
    return this.#route;
  }

  /** A peer has come for the offer that was left: its answer follows. */
  adopt(peer: PeerId): void {
    this.#route = { ...this.#route, peer };
    this.#cancelTimeout();
    this.#cancelTimeout = this.#platform.setTimer(ATTEMPT_TIMEOUT_MS, () => this.#fail());
    if (!this.#isHolding) this.#sendLate();
  }

  /** Whether the other side must not check before its answer is here. */
  get #isHolding(): boolean {
    return !!this.#platform.hasLateCandidates && this.role === 'offerer' && !this.#remoteReady;
  }

  #sendLate(): void {
    const { signaling, peer, id } = this.#route;
    const late = firstOfEachType(this.#late.splice(0)).slice(0, MAX_CANDIDATES);
    if (late.length > 0 && peer !== undefined) signaling.sendCandidates(peer, id, late);
  }

  /** Whether an offer is out and has no answer. */
  get isOffered(): boolean {
    return this.#state === 'offered';
  }

  /** The other side may not be there, or may not know of this: it is given up unless ICE soon gets anywhere. */
  doubt(looks = 2): void {
    this.#cancelLook?.();
    this.#cancelLook = this.#platform.setTimer(ICE_LOOK_MS, () => {
      this.#cancelLook = undefined;
      if (!/new|checking/.test(this.#pc.iceConnectionState)) return;
      if (looks > 1) this.doubt(looks - 1);
      else this.#fail();
    });
  }

  /** Whether an answer was sent and nothing after it: what was not delivered is the answer. */
  get hasJustAnswered(): boolean {
    return this.role === 'answerer' && this.#state === 'connecting' && !this.#hasStraggled;
  }

  async #offer(): Promise<void> {
    const pc = this.#pc;
    this.#createChannels();
    await this.#describe(await pc.createOffer());
    if (this.#state !== 'preparing') return;
    this.#state = 'offered';
    this.#send('sendOffer');
  }

  async #answer(offer: SessionDescription): Promise<void> {
    if (!(await this.#setRemote(offer, 'offer'))) return;
    this.#createChannels();
    await this.#describe(await this.#pc.createAnswer());
    if (this.#state !== 'preparing') return;
    this.#state = 'connecting';
    this.#send('sendAnswer');
  }

  /** The answer to an offer that is out; ignored at any other time. */
  async answered(answer: SessionDescription): Promise<void> {
    if (this.#state !== 'offered') return;
    this.#state = 'connecting';
    const { request } = answer;
    if (request && !answer.rawSdp)
      this.#receiveEarly(encodePeerMessage({ case: 'request', value: request }).buffer);
    if (await this.#setRemote(answer, 'answer')) this.#sendLate();
  }

  addCandidates(candidates: readonly Candidate[]): void {
    if (this.#state === 'done') return;
    if (this.#cancelLook) this.doubt();
    for (const candidate of candidates) {
      const text = formatCandidate(candidate);
      if (!text || ++this.#remoteCount > MAX_REMOTE_CANDIDATES) continue;
      if (this.#remoteReady) this.#addCandidate(text);
      else this.#remoteCandidates.push(text);
    }
  }

  /** Ends the attempt without a word to the handlers; `tell` the other peer if it may know of it. */
  end(tell: boolean): void {
    if (this.#state === 'done') return;
    const known = this.role === 'answerer' || this.#state !== 'preparing';
    this.#finish();
    closeLink({ pc: this.#pc, ...this.#channels });
    if (tell && known) this.#decline(DeclineReason.UNSPECIFIED);
  }

  #finish(): void {
    this.#state = 'done';
    this.#cancelTimeout();
    this.#cancelGathering?.();
    this.#cancelLook?.();
  }

  #fail(): void {
    if (this.#state === 'done') return;
    this.end(true);
    this.#handlers.onFail();
  }

  #decline(reason: DeclineReason): void {
    const { signaling, peer, id } = this.#route;
    if (peer !== undefined) signaling.sendDecline(peer, id, reason);
  }

  /** False if the attempt ended meanwhile. */
  async #setRemote(description: SessionDescription, type: RTCSdpType): Promise<boolean> {
    try {
      await this.#pc.setRemoteDescription({ type, sdp: rebuild(description) });
    } catch {
      if (this.#isDone()) return false;
      this.end(false);
      this.#decline(DeclineReason.BAD_DESCRIPTION);
      this.#handlers.onFail();
    }
    if (this.#isDone()) return false;
    this.#remoteReady = true;
    for (const text of this.#remoteCandidates.splice(0)) this.#addCandidate(text);
    return true;
  }

  // A method, because the state changes while this object awaits.
  #isDone(): boolean {
    return this.#state === 'done';
  }

  #addCandidate(candidate: string): void {
    // One that the browser does not take (an mDNS name it cannot look up) is as good as unreachable.
    this.#pc.addIceCandidate({ candidate, sdpMid: '0', sdpMLineIndex: 0 }).catch(() => {});
  }

  #createChannels(): void {
    const create = (label: string, id: number, ordered: boolean) => {
      const options = { id, ordered, negotiated: true, protocol: SUBPROTOCOL };
      const channel = this.#pc.createDataChannel(label, options);
      channel.binaryType = 'arraybuffer';
      channel.onopen = () => this.#opened();
      channel.onclose = () => this.#fail();
      channel.onmessage = ({ data }) => this.#receiveEarly(data);
      return channel;
    };
    this.#channels = { control: create('control', 0, true), data: create('data', 1, false) };
  }

  #opened(): void {
    const { control, data } = this.#channels!;
    if (this.#state === 'done' || control.readyState !== 'open' || data.readyState !== 'open')
      return;
    this.#finish();
    this.#pc.onicecandidate = this.#pc.onicegatheringstatechange = null;
    control.onopen = data.onopen = null;
    this.#handlers.onOpen({ pc: this.#pc, control, data, asked: this.#asked }, this.#early);
  }

  /** The other side may see both channels open, and send, before this side does. */
  #receiveEarly(frame: unknown): void {
    this.#early.push(frame);
    this.#earlyBytes += frame instanceof ArrayBuffer ? frame.byteLength : HIGH_WATER_BYTES;
    if (this.#earlyBytes > HIGH_WATER_BYTES) this.#fail();
  }

  /** Sets the local description, and waits a little for candidates. */
  async #describe(description: RTCSessionDescriptionInit): Promise<void> {
    if (this.#isDone()) return;
    const pc = this.#pc;
    const gathered = new Promise<void>((resolve) => {
      const wait = (ms: number) => {
        this.#cancelGathering?.();
        this.#cancelGathering = this.#platform.setTimer(ms, resolve);
      };
      const hurried = this.#route.peer !== undefined;
      wait(hurried ? GATHER_MS : DEPOSIT_GATHER_MS);
      pc.onicecandidate = ({ candidate }) => {
        if (this.#described) this.#straggler(candidate);
        else if (hurried) wait(GATHER_QUIET_MS);
      };
      pc.onicegatheringstatechange = () => {
        if (pc.iceGatheringState === 'complete') resolve();
      };
    });
    await pc.setLocalDescription(description);
    if (pc.iceGatheringState !== 'complete') await gathered;
    this.#cancelGathering?.();
  }

  #send(method: 'sendOffer' | 'sendAnswer'): void {
    const { signaling, peer, id } = this.#route;
    let description: DescriptionInit = describe(this.#pc.localDescription!.sdp);
    const { candidates = [] } = description;
    this.#described = new Set(candidates.map(key));
    if (peer === undefined || this.#isHolding) {
      this.#late = firstOfEachType(candidates);
      const kept = this.#late.splice(0, this.#isHolding ? 0 : MAX_DEPOSITED_CANDIDATES);
      description = { ...description, candidates: kept };
    }
    if (!description.rawSdp) {
      const offered = this.#offered;
      const request = offered?.takesRequest ? this.#handlers.firstRequest() : undefined;
      this.#asked = request;
      description = { ...description, takesRequest: !offered, request };
    }
    const sent =
      peer === undefined
        ? signaling.deposit(id, description)
        : signaling[method](peer, id, description);
    if (!sent) this.#fail();
  }

  #straggler(found: RTCIceCandidate | null): void {
    const candidate = found && parseCandidate(found.candidate);
    // node-datachannel announces candidates that are in the description already.
    if (!candidate || this.#described!.has(key(candidate))) return;
    const { signaling, peer, id } = this.#route;
    this.#hasStraggled = true;
    if (peer === undefined || this.#isHolding) this.#late.push(candidate);
    else signaling.sendCandidates(peer, id, [candidate]);
  }
}

function key(candidate: CandidateInit): string {
  return formatCandidate(candidate) ?? '';
}
