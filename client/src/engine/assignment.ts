import type { Candidates } from './candidates.ts';
import type { Chunks } from './chunks.ts';
import { holdsChunk } from './holdings.ts';
import type { OpenRequest, Peer } from './peers.ts';
import type { Reading } from './reading.ts';
import type { Requests } from './requests.ts';
import { busyMs } from './requests.ts';
import type { Awaited } from './situation.ts';
import {
  ENDGAME_GAIN_MS,
  MAX_WINDOW_BYTES,
  MIN_PIPELINE,
  MOVE_GAIN_MS,
  MOVE_MS,
  QUICK_MS,
  RANDOM_FIRST,
  START_WINDOW_BYTES,
  WINDOW_MS,
} from './tuning.ts';

/** A peer is taken to need so many times what it seems to need, for what another was asked for: rates are rough. */
const [BEGUN_FACTOR, MOVE_FACTOR] = [2, 1.5];

/** A request that another peer might do sooner. */
interface Movable {
  readonly request: OpenRequest;
  readonly from: Peer;
  /** Time its peer should need for it and what it sends before, in ms. */
  readonly ms: number;
}

/** Which chunk is asked of whom. */
export class Assignment {
  readonly #candidates: Candidates;
  readonly #requests: Requests;
  readonly #reading: Reading;
  #chunks: Chunks | undefined;
  /** When it was last considered to take requests back from slow peers. */
  #movedAt = 0;

  constructor(candidates: Candidates, requests: Requests, reading: Reading) {
    this.#candidates = candidates;
    this.#requests = requests;
    this.#reading = reading;
  }

  begin(chunks: Chunks | undefined): void {
    this.#chunks = chunks;
  }

  /** Hands out chunks, to whoever should be done with what it has first. */
  proceed(now: number, random: () => number, awaited: () => readonly Awaited[]): void {
    const chunks = this.#chunks;
    if (!chunks || this.#candidates.areMute) return;
    const mayMove = now >= this.#movedAt + MOVE_MS;
    if (chunks.free === 0 && !mayMove) return;
    const ready = this.#candidates.open.filter(
      (peer) => (peer.has !== 'nothing' || peer.coming) && hasRoom(peer, chunks, now),
    );
    if (ready.length === 0) return;
    if (mayMove) this.#movedAt = now;
    let movable = mayMove ? this.#movable(chunks) : [];
    const coming = mayMove ? awaited() : [];
    // The least busy first; of equals, one by chance: else everybody asks the same one first.
    let next = Math.floor(random() * ready.length);
    while (ready.length > 0) {
      next %= ready.length;
      for (let i = 0; i < ready.length; i++)
        if (isRather(ready[i] as Peer, ready[next] as Peer)) next = i;
      const peer = ready[next] as Peer;
      const chunk =
        this.#choose(peer, chunks, random, movable, coming, now) ??
        this.#slow(peer, chunks, coming, now);
      if (chunk !== undefined) {
        this.#requests.send(peer, chunk, now);
        if (mayMove) movable = this.#movable(chunks);
      }
      if (chunk === undefined || !hasRoom(peer, chunks, now)) ready.splice(next, 1);
    }
  }

  /** The open ones that let fewer requests pass. */
  betterThan({ timeouts }: Peer): readonly Peer[] {
    return this.#candidates.open.filter((other) => other.timeouts < timeouts);
  }

  #choose(
    peer: Peer,
    chunks: Chunks,
    random: () => number,
    movable: readonly Movable[],
    coming: readonly Awaited[],
    now: number,
  ): number | undefined {
    // Who let requests pass is asked for what nobody better has.
    const better = peer.timeouts === 0 ? [] : this.betterThan(peer);
    const holds = (chunk: number) =>
      (has(peer, chunk, now) || this.#isPromised(peer, chunk, now)) &&
      !better.some((other) => has(other, chunk, now));
    const next = new Set<number>();
    for (const chunk of this.#reading.next(chunks))
      if (chunks.isFree(chunk) && holds(chunk)) return chunk;
      else next.add(chunk);
    // What is read next comes late from others: no use in having more of what is read after it.
    const isNext = ({ chunk }: { readonly chunk: number }) => next.has(chunk);
    const urgent =
      next.size > 0 && peer.timeouts === 0
        ? (this.#late(
            peer,
            movable.filter(({ request }) => isNext(request)),
            now,
          ) ?? this.#slow(peer, chunks, coming.filter(isNext), now))
        : undefined;
    if (urgent !== undefined) return urgent;
    const free = chunks.pick(holds, random, chunks.held.size >= RANDOM_FIRST);
    return free ?? (peer.timeouts === 0 ? this.#late(peer, movable, now) : undefined);
  }

  /** Whether it should soon have the chunk, and nobody has it who can be asked: a promise may be broken. */
  #isPromised(peer: Peer, chunk: number, now: number): boolean {
    if (!peer.coming?.has(chunk) || now < (peer.busyWith.get(chunk) ?? 0)) return false;
    return !this.#candidates.open.some((other) => has(other, chunk, now));
  }

  /** A chunk that the origin sends, and this peer should much sooner: both do until one is done. */
  #slow(peer: Peer, chunks: Chunks, coming: readonly Awaited[], now: number): number | undefined {
    const mayJoin = this.#joinable(peer, chunks, now);
    let best: number | undefined;
    let most = 0;
    for (const { chunk, ms } of coming) {
      const gain = ms - patienceMs(peer, chunk, chunks);
      if (gain > most && mayJoin(chunk)) [best, most] = [chunk, gain];
    }
    return best;
  }

  /** When a complete holder that is idle is to be asked for what the origin sends, if nothing more of that comes. */
  wakeAt(now: number, awaited: () => readonly Awaited[]): number {
    const chunks = this.#chunks;
    let at = Number.POSITIVE_INFINITY;
    if (!chunks || this.#candidates.areMute) return at;
    let all: readonly Awaited[] | undefined;
    for (const peer of this.#candidates.open) {
      if (peer.has !== 'all' || peer.requests.size > 0 || now < peer.busyUntil) continue;
      all ??= awaited();
      const mayJoin = this.#joinable(peer, chunks, now);
      // Of one range all fell silent at once.
      const next = all.find(({ chunk }) => mayJoin(chunk));
      if (next) at = Math.min(at, next.heardAt + patienceMs(peer, next.chunk, chunks) + 1);
    }
    at = Math.max(at, this.#movedAt + MOVE_MS);
    return at > now ? at : Number.POSITIVE_INFINITY;
  }

  /** Whether a peer has a chunk of which only the origin was asked, and none that let fewer requests pass has it. */
  #joinable(peer: Peer, chunks: Chunks, now: number): (chunk: number) => boolean {
    const better = peer.timeouts === 0 ? [] : this.betterThan(peer);
    return (chunk) =>
      chunks.askers(chunk) === 0 &&
      chunks.isMissing(chunk) &&
      has(peer, chunk, now) &&
      !better.some((other) => has(other, chunk, now));
  }

  /** See {@link Swarm.waiting}. */
  waiting(leastMs: number): ReadonlySet<number> {
    const movable = this.#chunks ? this.#movable(this.#chunks) : [];
    const waiting = movable.filter(({ ms, request }) => ms >= leastMs && !isBegun(request));
    return new Set(waiting.map(({ request }) => request.chunk));
  }

  /** See {@link Swarm.late}. */
  late(leastMs: number, now: number): ReadonlySet<number> {
    const late = new Set<number>();
    for (const from of this.#candidates.open) {
      let ahead = 0;
      for (const request of from.requests.values()) {
        const { chunk, length, coverage, sentAt } = request;
        ahead += length - coverage.received;
        const { rate } = from.meter;
        // Of who never sent anything, nothing is expected but what it has begun.
        let ms = isBegun(request) ? 0 : leastMs;
        if (rate) ms = isBegun(request) ? ahead / rate : busyMs(from, ahead - from.inFlight);
        // Who is silent may be so for as long again.
        const silentMs = now - Math.max(from.lastHeard, sentAt);
        if (Math.max(ms, silentMs) >= leastMs && this.#chunks?.askers(chunk) === 1) late.add(chunk);
      }
    }
    return late;
  }

  /** What open peers were asked for and take so long to send that another might be worth asking. */
  #movable(chunks: Chunks): Movable[] {
    const movable: Movable[] = [];
    for (const from of this.#candidates.open) {
      let ahead = 0;
      for (const request of from.requests.values()) {
        const { chunk, length, coverage } = request;
        ahead += length - coverage.received;
        // What was begun comes without pauses: peers serve one request after the other.
        const rate = isBegun(request) ? from.meter.rate : undefined;
        const ms = rate ? ahead / rate : busyMs(from, ahead - from.inFlight);
        if (ms > MOVE_GAIN_MS && chunks.askers(chunk) === 1 && chunks.isMissing(chunk))
          movable.push({ request, from, ms });
      }
    }
    return movable;
  }

  /**
   * A chunk that another peer was asked for and that this one should send much sooner. What the other
   * has not begun to send is taken back from it; of the rest both send until one is done.
   */
  #late(peer: Peer, movable: readonly Movable[], now: number): number | undefined {
    let best: Movable | undefined;
    let most = 0;
    for (const move of movable) {
      const { chunk, length } = move.request;
      const ms = busyMs(peer, length);
      // What was begun would come twice, which others would have to wait for.
      const cost = isBegun(move.request)
        ? BEGUN_FACTOR * ms + ENDGAME_GAIN_MS
        : MOVE_FACTOR * ms + MOVE_GAIN_MS;
      const gain = move.ms - cost;
      if (gain > most && move.from !== peer && has(peer, chunk, now)) [best, most] = [move, gain];
    }
    if (best && !isBegun(best.request)) this.#requests.giveUp(best.from, best.request, false);
    return best?.request.chunk;
  }
}

/** Whether a peer has a chunk, and did not just say that it is busy with it. */
function has(peer: Peer, chunk: number, now: number): boolean {
  return holdsChunk(peer, chunk) && now >= (peer.busyWith.get(chunk) ?? 0);
}

/** Whether anything of it has come. */
function isBegun({ coverage }: OpenRequest): boolean {
  return coverage.received > 0;
}

/** A chunk that should take the origin longer than this is asked of the peer as well. */
function patienceMs(peer: Peer, chunk: number, chunks: Chunks): number {
  return MOVE_FACTOR * busyMs(peer, chunks.length(chunk)) + MOVE_GAIN_MS;
}

/**
 * Whether a peer takes another request. One that let requests pass gets one at a time. Partial
 * holders have others to serve and soon there are more of them: they get little in advance, and slow ones
 * nothing before what they were asked for has begun to come.
 */
function hasRoom(peer: Peer, { layout }: Chunks, now: number): boolean {
  const { has, requests, timeouts, inFlight, meter } = peer;
  if (now < peer.busyUntil) return false;
  if (timeouts > 0) return requests.size < 1;
  const isQuick = layout.chunkSize <= QUICK_MS * (meter.rate ?? Number.POSITIVE_INFINITY);
  if (has !== 'all' && !isQuick && ![...requests.values()].every(isBegun)) return false;
  if (requests.size < MIN_PIPELINE) return true;
  const untried = has === 'all' ? START_WINDOW_BYTES : 0;
  const most = meter.rate === undefined ? untried : meter.rate * WINDOW_MS;
  return inFlight + layout.chunkSize <= Math.min(most, MAX_WINDOW_BYTES);
}

/** Whether the first should be asked before the second. */
function isRather(first: Peer, second: Peer): boolean {
  if (first.timeouts !== second.timeouts) return first.timeouts < second.timeouts;
  return busyMs(first) < busyMs(second);
}
