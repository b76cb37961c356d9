import type { SessionRequestBody, Signal, UndeliverableReason } from '@zauberflote/proto';
import type { Content } from '../integrity/content-id.ts';

/** Assigned by the tracker, valid while that connection lasts. */
export type PeerId = bigint;

/** A signal to be sent: a message, or a plain object with the fields of one that are set. */
export type SignalInit = Extract<SessionRequestBody, { case: 'signal' }>['value'];

/** A peer that announced a content, and the size it claimed (bytes, not verified). */
export interface Holder {
  readonly peer: PeerId;
  readonly size: number;
}

/** The tracker's reply to a want, for one content. */
export interface SwarmReply {
  readonly contentKey: string;
  readonly holders: readonly Holder[];
  /** Holders the tracker knows, without this client; may be more than it named. */
  readonly totalHolders: number;
}

/**
 * - `connecting`: a socket is being opened.
 * - `open`: it is open; wants are answered.
 * - `waiting`: it failed or was lost; a new one follows after a pause.
 * - `suspended`: `suspend()` was called; a new one follows after `resume()`.
 * - `unavailable`: there is no WebSocket, no tracker was named, or it speaks another protocol. Final.
 * - `closed`: `close()` was called. Final.
 */
export type TrackerState =
  | 'connecting'
  | 'open'
  | 'waiting'
  | 'suspended'
  | 'unavailable'
  | 'closed';

export interface TrackerHandlers {
  /** `ownId` while open, else undefined. Called on every change. */
  onState(state: TrackerState, ownId: PeerId | undefined): void;
  onPeers(reply: SwarmReply): void;
  /** `signal.peerId` is the sender. */
  onSignal(signal: Signal): void;
  onUndeliverable(peer: PeerId, attempt: number, reason: UndeliverableReason): void;
}

/** The tracker interface of the paper (section 3.3). */
export interface Tracker {
  readonly state: TrackerState;
  readonly ownId: PeerId | undefined;
  /**
   * Asks who holds these. Each call is one question per content; what could not be sent is asked
   * when the socket opens (again). A question that is out is not repeated.
   */
  want(contents: readonly Content[]): void;
  /** Announces a complete, verified content; announced anew after every reconnect until dropped. */
  have(content: Content, size: number): void;
  /** Takes back wants and haves. */
  drop(contents: readonly Content[]): void;
  /** Relays to `signal.peerId`; false when there is no open socket (nothing is kept for later). */
  signal(signal: SignalInit): boolean;
  close(): void;
}
