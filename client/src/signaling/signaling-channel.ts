import type {
  Candidate,
  SessionDescription,
  Signal,
  UndeliverableReason,
} from '@zauberflote/proto';
import { DeclineReason } from '@zauberflote/proto';
import type {
  DescriptionInit,
  PeerId,
  SignalInit,
  Tracker,
  TrackerState,
} from '../tracker/types.ts';
import type { CandidateInit } from './sdp.ts';

/** What arrives from other peers, by sender and attempt. All of it is untrusted but decoded and checked. */
export interface SignalingHandlers {
  onOffer(peer: PeerId, attempt: number, description: SessionDescription): void;
  /** Left for whoever comes: may be answered, or not. */
  onDeposited(peer: PeerId, attempt: number, description: SessionDescription, ageMs: number): void;
  onAnswer(peer: PeerId, attempt: number, description: SessionDescription): void;
  onCandidates(peer: PeerId, attempt: number, candidates: readonly Candidate[]): void;
  onDecline(peer: PeerId, attempt: number, reason: DeclineReason): void;
  onUndeliverable(peer: PeerId, attempt: number, reason: UndeliverableReason): void;
  /** The tracker is gone, and with it every offer that has no answer yet. */
  onOffline(): void;
}

/**
 * The signaling channel of the paper (section 3.1): what two peers say to each other through the
 * tracker until they are connected. The `send…` methods are false when the tracker is not there.
 */
export class SignalingChannel {
  /** Set by the connection manager. */
  handlers: SignalingHandlers | undefined;
  readonly #tracker: Pick<Tracker, 'signal' | 'deposit' | 'ownId'>;

  constructor(tracker: Pick<Tracker, 'signal' | 'deposit' | 'ownId'>) {
    this.#tracker = tracker;
  }

  get ownId(): PeerId | undefined {
    return this.#tracker.ownId;
  }

  sendOffer(peer: PeerId, attempt: number, value: DescriptionInit): boolean {
    return this.#send(peer, attempt, { case: 'offer', value });
  }

  /**
   * Leaves an offer for whoever comes, with at most MAX_DEPOSITED_CANDIDATES. False also if it is raw
   * SDP.
   */
  deposit(attempt: number, description: DescriptionInit): boolean {
    return !description.rawSdp && this.#tracker.deposit(attempt, description);
  }

  sendAnswer(peer: PeerId, attempt: number, value: DescriptionInit): boolean {
    return this.#send(peer, attempt, { case: 'answer', value });
  }

  sendCandidates(peer: PeerId, attempt: number, candidates: CandidateInit[]): boolean {
    return this.#send(peer, attempt, { case: 'candidates', value: { candidates } });
  }

  sendDecline(
    peer: PeerId,
    attempt: number,
    reason: DeclineReason = DeclineReason.UNSPECIFIED,
  ): boolean {
    return this.#send(peer, attempt, { case: 'decline', value: { reason } });
  }

  /** To be called by `TrackerHandlers.onSignal`. */
  receive({ peerId, attempt, body }: Signal): void {
    switch (body.case) {
      case 'offer':
        return this.handlers?.onOffer(peerId, attempt, body.value);
      case 'answer':
        return this.handlers?.onAnswer(peerId, attempt, body.value);
      case 'candidates':
        return this.handlers?.onCandidates(peerId, attempt, body.value.candidates);
      case 'decline':
        return this.handlers?.onDecline(peerId, attempt, body.value.reason);
    }
  }

  /** To be called by `TrackerHandlers.onDeposited`. */
  deposited(...what: Parameters<SignalingHandlers['onDeposited']>): void {
    this.handlers?.onDeposited(...what);
  }

  /** To be called by `TrackerHandlers.onUndeliverable`. */
  undeliverable(peer: PeerId, attempt: number, reason: UndeliverableReason): void {
    this.handlers?.onUndeliverable(peer, attempt, reason);
  }

  /** To be called by `TrackerHandlers.onState`. */
  trackerState(state: TrackerState): void {
    if (state !== 'open') this.handlers?.onOffline();
  }

  #send(peerId: PeerId, attempt: number, body: SignalInit['body']): boolean {
    return this.#tracker.signal({ peerId, attempt, body });
  }
}
