import assert from 'node:assert/strict';
import { CHUNK } from '../../test-support/engine/bench.ts';
import { Assignment } from './assignment.ts';
import { Candidates } from './candidates.ts';
import { Chunks } from './chunks.ts';
import { layoutOf } from './layout.ts';
import type { Peer } from './peers.ts';
import { Requests } from './requests.ts';

/** Of complete holders that let so many requests pass, those that are asked for the chunk that an origin keeps. */
function askedFor(ms: number, ...timeouts: number[]): number[] {
  const chunks = new Chunks(layoutOf(CHUNK, CHUNK));
  chunks.setComing(0, true);
  const candidates = new Candidates();
  const asked: number[] = [];
  const requests = new Requests(
    (effect) => effect.type === 'request' && asked.push(Number(effect.peer)),
  );
  requests.begin(chunks);
  timeouts.forEach((times, i) => {
    const peer = candidates.peers.add(BigInt(i), CHUNK, 'all', 0) as Peer;
    Object.assign(peer, { state: 'open', timeouts: times });
  });
  candidates.changed();
  const assignment = new Assignment(candidates, requests);
  assignment.begin(chunks);
  const awaited = () => [{ chunk: 0, ms, heardAt: 10_000 - ms }];
  const due = assignment.wakeAt(9_000, awaited);
  assignment.proceed(10_000, () => 0, awaited);
  assert.ok(asked.length === 0 ? due > 10_000 : due <= 10_000, `${due}`);
  return asked;
}

describe('Assignment', () => {
  it('asks a peer for what an origin keeps, once that takes longer than the peer should', () => {
    assert.deepEqual(askedFor(100, 0), []);
    assert.deepEqual(askedFor(500, 0), [0]);
  });

  it('asks one that let requests pass only where nobody better has it', () => {
    assert.deepEqual(askedFor(500, 1, 0, 2), [1]);
    assert.deepEqual(askedFor(500, 2, 1), [1]);
    assert.deepEqual(askedFor(500, 1), [0]);
  });
});
