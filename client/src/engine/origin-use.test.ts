import assert from 'node:assert/strict';
import type { Chunks } from './chunks.ts';
import type { Origin } from './origin.ts';
import { OriginUse } from './origin-use.ts';
import type { Swarm } from './swarm.ts';
import { LATELY_MS, SEEDER_PATIENCE_MS } from './tuning.ts';

describe('OriginUse', () => {
  it('does not take seeders for idle because a chunk takes them longer than is looked at', () => {
    // A chunk of 16 KiB takes such a seeder 4.3 s, and the whole more than half an hour.
    const swarm = { rate: 4, hasSeeders: true, hasCandidates: true, isSettling: () => false };
    const leases = { isTurnedAway: false, isRefused: false, isMute: () => false };
    const use = new OriginUse(swarm as unknown as Swarm, { leases } as unknown as Origin);
    const need = (now: number) => use.need({ missingBytes: 1e7 } as Chunks, now);
    use.start(1, () => 0);
    use.answered(1);
    for (let now = SEEDER_PATIENCE_MS; now < 60_000; now += 4_300) {
      use.served(now, 16_384);
      for (const later of [0, LATELY_MS, 2 * LATELY_MS])
        assert.notEqual(need(now + later), 'no', `${later} ms after a chunk at ${now}`);
    }
  });
});
