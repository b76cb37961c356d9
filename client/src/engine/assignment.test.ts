import assert from 'node:assert/strict';
import { CHUNK } from '../../test-support/engine/bench.ts';
import { Assignment } from './assignment.ts';
import { Bitfield } from './bitfield.ts';
import { Candidates } from './candidates.ts';
import { Chunks } from './chunks.ts';
import { layoutOf } from './layout.ts';
import type { OpenRequest, Peer } from './peers.ts';
import { Reading } from './reading.ts';
import { Requests } from './requests.ts';
import {
  LATE_FACTOR,
  MAX_SHARERS,
  MAX_WINDOW_BYTES,
  MIN_PIPELINE,
  QUICK_MS,
  RANDOM_FIRST,
  REQUEST_TIMEOUT_MS,
  WINDOW_MS,
} from './tuning.ts';

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
  const assignment = new Assignment(candidates, requests, new Reading());
  assignment.begin(chunks);
  const awaited = () => [{ chunk: 0, ms, heardAt: 10_000 - ms }];
  const due = assignment.wakeAt(9_000, awaited);
  assignment.proceed(10_000, () => 0, awaited);
  assert.ok(asked.length === 0 ? due > 10_000 : due <= 10_000, `${due}`);
  return asked;
}

/** What a complete holder is asked for, and until when, where chunks from `common` on are rare. */
function askedOf({ count = 20, held = 0, common = 19, failed = 0, rate = 0, random = 0 }) {
  const chunks = new Chunks(layoutOf(count * CHUNK, CHUNK));
  for (let chunk = 0; chunk < common; chunk++) chunks.addHolder(chunk);
  for (let chunk = 0; chunk < held; chunk++) chunks.hold(chunk, true);
  for (let times = 0; times < failed; times++)
    for (let chunk = 0; chunk < count; chunk++) {
      chunks.ask(chunk);
      chunks.unask(chunk, true);
    }
  const candidates = new Candidates();
  const peer = candidates.peers.add(1n, count * CHUNK, 'all', 0) as Peer;
  Object.assign(peer, { state: 'open' });
  if (rate > 0) Object.assign(peer.meter, { rate, pace: rate / MAX_SHARERS / 2 });
  candidates.changed();
  const requests = new Requests(() => {});
  requests.begin(chunks);
  const assignment = new Assignment(candidates, requests, new Reading());
  assignment.begin(chunks);
  assignment.proceed(
    10_000,
    () => random,
    () => [],
  );
  return [...peer.requests.values()];
}

interface Holder {
  /** As measured, in bytes per ms; undefined: not yet. */
  readonly rate?: number;
  readonly pace?: number;
  readonly chunks: readonly number[];
}

/** Partial holders, by what was asked of each in the end. */
class Crowd {
  readonly #candidates = new Candidates();
  readonly #asked = new Map<bigint, Set<number>>();
  readonly #requests: Requests;
  readonly #assignment: Assignment;
  #now = 10_000;

  constructor(count: number, holders: readonly Holder[]) {
    const chunks = new Chunks(layoutOf(count * CHUNK, CHUNK));
    this.#requests = new Requests((effect) => {
      if (effect.type === 'request') this.#asked.get(effect.peer)?.add(effect.chunk);
      if (effect.type === 'cancel') this.#asked.get(effect.peer)?.delete(effect.chunk);
    });
    this.#assignment = new Assignment(this.#candidates, this.#requests, new Reading());
    this.#requests.begin(chunks);
    this.#assignment.begin(chunks);
    for (const holder of holders) {
      const id = BigInt(this.#asked.size);
      const peer = this.#candidates.peers.add(id, count * CHUNK, 'nothing', 0) as Peer;
      const has = new Bitfield(count);
      for (const chunk of holder.chunks) has.add(chunk);
      Object.assign(peer, { state: 'open', has });
      Object.assign(peer.meter, { rate: holder.rate, pace: holder.pace });
      this.#asked.set(id, new Set());
    }
    this.#candidates.changed();
  }

  /** Asks; then each peer's chunks. */
  proceed(): number[][] {
    this.#now += 1_000;
    this.#assignment.proceed(
      this.#now,
      () => 0,
      () => [],
    );
    return [...this.#asked.values()].map((chunks) => [...chunks].sort((a, b) => a - b));
  }

  /** The first of a chunk comes, in no time. */
  begins(id: number, chunk: number): this {
    const peer = this.#candidates.peers.get(BigInt(id)) as Peer;
    const request = peer.requests.get(chunk) as OpenRequest;
    const fragment = { type: 'fragment', peer: peer.id, chunk, offset: 0, length: 1 } as const;
    this.#requests.received(peer, request, fragment, this.#now);
    return this;
  }

  /** One more is there. */
  gets(id: number, chunk: number): this {
    const peer = this.#candidates.peers.get(BigInt(id)) as Peer;
    (peer.has as Bitfield).add(chunk);
    return this;
  }
}

describe('Assignment', () => {
  it('asks for chunks by chance until there is something to offer, then for the rarest', () => {
    const first = (held: number) => askedOf({ held, random: 0.5 })[0]?.chunk;
    assert.equal(first(0), 10);
    assert.notEqual(first(RANDOM_FIRST - 1), 19);
    assert.equal(first(RANDOM_FIRST), 19);
  });

  it('asks the fastest peer for no more than it may at once', () => {
    const asked = askedOf({ count: 2 * (MAX_WINDOW_BYTES / CHUNK), rate: 1e6 });
    assert.equal(asked.length, MAX_WINDOW_BYTES / CHUNK);
  });

  it('gives a peer the time that it should need for what it is asked for, and more each time that it failed', () => {
    const [known] = askedOf({ count: 1, rate: 1 });
    assert.equal(known?.timeout, LATE_FACTOR * CHUNK * MAX_SHARERS);
    for (const failed of [0, 1, 2])
      assert.equal(askedOf({ count: 1, failed })[0]?.timeout, REQUEST_TIMEOUT_MS * 2 ** failed);
  });

  it('asks a peer for what an origin keeps, once that takes longer than the peer should', () => {
    assert.deepEqual(askedFor(100, 0), []);
    assert.deepEqual(askedFor(500, 0), [0]);
  });

  it('asks one that let requests pass only where nobody better has it', () => {
    assert.deepEqual(askedFor(500, 1, 0, 2), [1]);
    assert.deepEqual(askedFor(500, 2, 1), [1]);
    assert.deepEqual(askedFor(500, 1), [0]);
  });

  it('asks a slow partial holder for another chunk when the one before has begun to come', () => {
    const slow = (0.9 * CHUNK) / QUICK_MS;
    const crowd = new Crowd(4, [{ rate: slow, pace: slow, chunks: [0, 1, 2, 3] }]);
    const [[first] = []] = crowd.proceed();
    assert.equal(crowd.proceed()[0]?.length, 1);
    assert.equal(crowd.begins(0, first as number).proceed()[0]?.length, 2);
  });

  it('asks a slow partial holder that begins everything for no more than any slow one', () => {
    const slow = (0.9 * CHUNK) / QUICK_MS;
    const chunks = Array.from({ length: 50 }, (_, chunk) => chunk);
    const crowd = new Crowd(50, [{ rate: slow, pace: slow, chunks }]);
    const begun = new Set<number>();
    for (let i = 0; i < 50; i++) {
      const next = crowd.proceed()[0]?.find((chunk) => !begun.has(chunk));
      if (next === undefined) break;
      crowd.begins(0, next);
      begun.add(next);
    }
    assert.ok(
      begun.size <= Math.max(MIN_PIPELINE, (slow * WINDOW_MS) / CHUNK + 1),
      `${begun.size}`,
    );
  });

  it('asks one that is quick, or not known, for as many as keep its line busy', () => {
    const quick = (1.1 * CHUNK) / QUICK_MS;
    for (const rate of [quick, undefined]) {
      const [asked = []] = new Crowd(4, [{ rate, pace: rate, chunks: [0, 1, 2, 3] }]).proceed();
      assert.ok(asked.length >= MIN_PIPELINE, `${asked}`);
    }
  });

  it('takes what waits in the line of a busy one to one that is idle, but not what has begun', () => {
    // It gives fast, to one after the other.
    const busy = { rate: CHUNK / 60, pace: CHUNK / 1_000 };
    const crowd = () => new Crowd(2, [{ ...busy, chunks: [0] }, { chunks: [1] }]);
    assert.deepEqual(crowd().proceed(), [[0], [1]]);
    const waiting = crowd();
    waiting.proceed();
    assert.deepEqual(waiting.gets(1, 0).proceed(), [[], [0, 1]]);
    const begun = crowd();
    begun.proceed();
    assert.deepEqual(begun.begins(0, 0).gets(1, 0).proceed(), [[0], [1]]);
  });
});
