import type {
  SessionDescription,
  SessionRequestBody,
  Signal,
  UndeliverableReason,
} from '@zauberflote/proto';
import type { Content } from '../integrity/content-id.ts';

/** Assigned by the tracker, valid while that connection lasts. */
export type PeerId = bigint;

/** A signal to be sent: a message, or a plain object with the fields of one that are set. */
export type SignalInit = Extract<SessionRequestBody, { case: 'signal' }>['value'];

type Bodies = NonNullable<SignalInit['body']>;

/** A SessionDescription to be sent. */
export type DescriptionInit = Extract<Bodies, { case: 'offer' }>['value'];

/** A peer that announced a content. */
export interface Holder {
  readonly peer: PeerId;
  /** As it claimed, in bytes, not verified; 0 of a partial holder that does not know it yet. */
  readonly size: number;
  /** Whether it is still downloading. */
  readonly partial: boolean;
  /** Whether it left an offer, which {@link TrackerHandlers.onDeposited} was given: it connects sooner. */
  readonly offered?: boolean;
}

/** The tracker's reply to a want, for one content. */
export interface SwarmReply {
  readonly contentKey: string;
  /** Complete ones first. */
  readonly holders: readonly Holder[];
  /** Complete holders the tracker knows, without this client; may be more than it named. */
  readonly totalHolders: number;
  /** Partial ones, likewise. */
  readonly totalPartial: number;
}

/** What is said and asked about parts to fetch from the origin; see `Lease` in tracker.proto. */
export interface LeaseRequest {
  /** Size of a unit in bytes. */
  readonly unitBytes: number;
  /** Units in the content; 0: not known. */
  readonly units: number;
  /** Most units wanted; 0: none, no grant will follow. */
  readonly wanted: number;
  /** One bit for each unit that is wanted, the first in the highest bit. @default any */
  readonly needed?: Uint8Array | undefined;
  /** Units fetched since this was last said. */
  readonly fetched?: readonly number[];
  /** Units that will not be fetched after all. */
  readonly returned?: readonly number[];
  /** Peers have what is needed, but give it too slowly. */
  readonly hurry?: boolean;
}

/** Consecutive units that this client alone should fetch from the origin. */
export interface LeaseGrant {
  readonly first: number;
  /** 0: none is to be had now. */
  readonly count: number;
  /** Size of the tracker's units in bytes; in others than one's own a grant is of no use. */
  readonly unitBytes: number;
}

/**
 * - `connecting`: a socket is being opened.
 * - `moving`: one failed or was lost; a socket to another tracker, which knows nothing, is being opened.
 * - `open`: it is open; wants are answered.
 * - `waiting`: all failed, or one was lost; a new one follows after a pause. Or it is tried, but said nothing on the page before.
 * - `suspended`: `suspend()` was called; a new one follows after `resume()`.
 * - `unavailable`: there is no WebSocket, no tracker was named, or all speak another protocol. Final.
 * - `closed`: `close()` was called. Final.
 */
export type TrackerState =
  | 'connecting'
  | 'moving'
  | 'open'
  | 'waiting'
  | 'suspended'
  | 'unavailable'
  | 'closed';

export interface TrackerHandlers {
  /** `ownId` while open, else undefined. Called on every change. */
  onState(state: TrackerState, ownId: PeerId | undefined): void;
  onPeers(reply: SwarmReply): void;
  /** The reply to a lease that wants units. */
  onGrant(contentKey: string, grant: LeaseGrant): void;
  /** An offer that a holder left, before the reply that names it. */
  onDeposited(peer: PeerId, attempt: number, description: SessionDescription, ageMs: number): void;
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
  /**
   * Announces a complete, verified content, or with `partial` one that is being downloaded, of `size`
   * bytes (0: not known yet). The latest is announced anew after every reconnect until dropped.
   */
  have(content: Content, size: number, partial?: boolean): void;
  /**
   * Asks for parts of an announced content to fetch from the origin, or reports on them. Sent after
   * the wants and haves of before; while the socket is being opened, only the last one for each
   * content is kept.
   * @returns false if there is no socket. None is kept for the next one, on which the tracker will
   * know of no lease: ask again when `onState` says that it is open.
   */
  lease(content: Content, request: LeaseRequest): boolean;
  /** Takes back wants and haves. */
  drop(contents: readonly Content[]): void;
  /** Relays to `signal.peerId`; false when there is no open socket (nothing is kept for later). */
  signal(signal: SignalInit): boolean;
  /** Leaves an offer for whoever comes; false as with {@link signal}. */
  deposit(attempt: number, description: DescriptionInit): boolean;
  close(): void;
}
