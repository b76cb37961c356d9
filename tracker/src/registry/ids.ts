import { MAX_PEER_ID_TRIES } from '../limits.ts';

/**
 * An id for a new peer: never 0, and not taken.
 * @param random uniform over [0, 1)
 * @throws if it keeps giving ids that are taken
 */
export function freePeerId(isTaken: (id: bigint) => boolean, random: () => number): bigint {
  for (let tries = 0; tries < MAX_PEER_ID_TRIES; tries++) {
    // A double carries 53 random bits, so one is not enough.
    const high = BigInt(Math.floor(random() * 2 ** 32));
    const low = BigInt(Math.floor(random() * 2 ** 32));
    const id = (high << 32n) | low;
    if (id !== 0n && !isTaken(id)) return id;
  }
  throw new Error('no free peer id found: the source of randomness repeats itself');
}
