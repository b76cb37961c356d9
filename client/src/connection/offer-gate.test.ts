import assert from 'node:assert/strict';
import { DeclineReason } from '@zauberflote/proto';
import type { SignalingHandlers } from '../signaling/signaling-channel.ts';
import { ConnectionManager } from './connection-manager.ts';
import type { OfferLimits } from './offer-gate.ts';
import { MAX_OFFERS_PER_MINUTE, OFFER_PAUSE_MS, OfferGate } from './offer-gate.ts';

describe('OfferGate', () => {
  /** How many of a flood are taken in a minute. */
  const taken = (limits?: OfferLimits) => {
    let now = 0;
    const gate = new OfferGate({ now: () => now }, limits);
    let count = 0;
    for (let peer = 0n; peer < 5_000n; peer++) if (gate.take(peer)) count++;
    now = 59_999;
    assert.equal(gate.take(5_000n), false);
    now = 60_000;
    assert.equal(gate.take(5_000n), true);
    return count;
  };

  it('takes as many offers in a minute as a page can bear, and of a seeder as many as it was told', () => {
    assert.equal(taken(), MAX_OFFERS_PER_MINUTE);
    assert.equal(taken({ maxOffersPerMinute: 1_200 }), 1_200);
  });

  it('takes the next offer of a peer only after a pause', () => {
    let now = 0;
    const gate = new OfferGate({ now: () => now });
    assert.deepEqual([gate.take(1n), gate.take(1n), gate.take(2n)], [true, false, true]);
    now = OFFER_PAUSE_MS;
    assert.equal(gate.take(1n), true);
  });

  it('is as wide as a connection manager was told', () => {
    const declined: DeclineReason[] = [];
    const signaling = {
      ownId: 1n,
      handlers: undefined as SignalingHandlers | undefined,
      sendDecline: (_peer: bigint, _id: number, reason: DeclineReason) => declined.push(reason),
    };
    // Without WebRTC, so that what is taken is declined for another reason.
    const platform = { now: () => 0, random: () => 0, setTimer: () => () => {} };
    const limits = { maxConnections: 9, maxIncoming: 9, maxOffersPerMinute: 2 };
    new ConnectionManager(platform as never, signaling as never, {} as never, limits);
    for (const peer of [2n, 3n, 4n]) signaling.handlers!.onOffer(peer, 1, {} as never);
    const { NOT_SERVING, BUSY } = DeclineReason;
    assert.deepEqual(declined, [NOT_SERVING, NOT_SERVING, BUSY]);
  });
});
