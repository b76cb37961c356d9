import type { NodeMessageBody, Signal } from '@zauberflote/proto';
import { ErrorCode, type UndeliverableReason } from '@zauberflote/proto';
import type { LimitName } from '../limits.ts';
import * as limits from '../limits.ts';
import type { Effect, Party, Stranger } from './peer.ts';
import { Peer } from './peer.ts';

/** What was signalled goes no further; its sender is told why. */
export function undeliverable<C>(
  sender: Party<C>,
  { peerId, attempt }: Signal,
  reason: UndeliverableReason,
): Effect<C> {
  const value = { peerId, attempt, reason };
  return sender instanceof Peer
    ? { to: sender.connection, send: { case: 'undeliverable', value } }
    : deliver(sender, { case: 'rejection', value: { to: sender.id, undeliverable: value } });
}

/** To the node of a peer that is connected to another one. */
export function deliver<C>(to: Party<C>, message: NodeMessageBody): Effect<C> {
  return { node: (to as Stranger<C>).node, message };
}

/** A connection ends for want of room; it may come back in a while. */
export function turnAway<C>(
  to: C,
  message: string,
  limit: LimitName,
  random: () => number,
): Effect<C> {
  const retryAfterMs = Math.round(limits.OVERLOAD_RETRY_MS * (1 + random()));
  return { to, close: ErrorCode.OVERLOADED, message, retryAfterMs, limit };
}
