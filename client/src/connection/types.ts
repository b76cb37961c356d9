import type { Init, PeerMessage, PeerMessageBody, Request } from '@zauberflote/proto';
import type { PeerId } from '../tracker/types.ts';

/**
 * Why a connection, or the attempt at one, ended.
 * - `unreachable`: the attempt failed: no answer, peer gone, no route, out of time, or no WebRTC here.
 * - `busy`: no room for another connection, here or there, until one of them ends.
 * - `declined`: the other peer does not want one.
 * - `lost`: it was open and broke, or the other peer sent too many small messages.
 * - `malformed`: the other peer broke the protocol. It is not connected again.
 * - `closed`: this side asked for it.
 */
export type CloseReason = 'unreachable' | 'busy' | 'declined' | 'lost' | 'malformed' | 'closed';

export interface ConnectionHandlers {
  /** An answer goes to the peer: what it may be asked for with it, if anything. */
  firstRequest(peer: PeerId): Init<Request> | undefined;
  /**
   * Both channels are open, whoever offered.
   * @param hasAsked whether the last {@link firstRequest} went to it
   */
  onOpen(peer: PeerId, hasAsked: boolean): void;
  /** A checked message. */
  onMessage(peer: PeerId, message: PeerMessage): void;
  /** Once for every `connect()` that does not end open, and once for every open connection. */
  onClose(peer: PeerId, reason: CloseReason): void;
  /** Half of what waited to be sent to the peer has gone, then half of the rest, to the last byte. */
  onWritable(peer: PeerId): void;
}

/** The connection manager of the paper (section 3.1): one connection a peer, whoever opened it. */
export interface Connections {
  /** Opens a connection. Nothing happens if there is one or one is being opened. */
  connect(peer: PeerId): void;
  /**
   * Whether newcomers are expected: then offers are left with the tracker, which they can answer at
   * once. Not before any peer was heard of.
   */
  welcome(newcomers: boolean): void;
  isOpen(peer: PeerId): boolean;
  /**
   * Sends a message; false if there is no open connection. Fragments go over the data channel:
   * send them only while {@link isWritable}.
   */
  send(peer: PeerId, body: PeerMessageBody): boolean;
  /** Whether less waits to be sent than the high-water mark. */
  isWritable(peer: PeerId): boolean;
  /** Bytes of fragments that wait to be sent to the peer; 0 if there is no open connection. */
  queuedBytes(peer: PeerId): number;
  /** Most content bytes in one Fragment to this peer; 0 if there is no open connection. */
  maxFragmentBytes(peer: PeerId): number;
  /** Ends the connection or attempt; `malformed` also bars the peer. */
  disconnect(peer: PeerId, reason: 'closed' | 'malformed'): void;
  /** Ends all; none can be opened after it. */
  close(): void;
}
