import type { Chunks } from './chunks.ts';
import { Coverage } from './coverage.ts';
import type { OpenRequest, Peer } from './peers.ts';
import {
  LATE_FACTOR,
  MAX_BACKOFF_DOUBLINGS,
  MAX_SHARERS,
  REQUEST_TIMEOUT_MS,
  UNKNOWN_RATE,
} from './tuning.ts';
import type { Effect, EventOf } from './types.ts';

/** What peers are asked for: from the request to the last byte, or until it is taken back. */
export class Requests {
  readonly #do: (effect: Effect) => void;
  #chunks: Chunks | undefined;

  constructor(emit: (effect: Effect) => void) {
    this.#do = emit;
  }

  /** What is to be fetched, from the start. None are open. */
  begin(chunks: Chunks | undefined): void {
    this.#chunks = chunks;
  }

  /** @param isFirst whether it is the one chosen before there was a connection */
  send(peer: Peer, chunk: number, now: number, isFirst?: boolean): void {
    const chunks = this.#chunks as Chunks;
    const range = chunks.range(chunk);
    const { length } = range;
    if (peer.requests.size === 0) peer.meter.begin();
    peer.inFlight += length;
    const doublings = Math.min(chunks.failures(chunk), MAX_BACKOFF_DOUBLINGS);
    const { rate, pace = 0 } = peer.meter;
    // One long pause says little: who keeps back a last byte would get hours for the next chunk.
    const expected = rate ? peer.inFlight / Math.max(pace, rate / MAX_SHARERS) : 0;
    const timeout = Math.max(REQUEST_TIMEOUT_MS, LATE_FACTOR * expected) * 2 ** doublings;
    const coverage = new Coverage(length);
    peer.requests.set(chunk, { chunk, length, sentAt: now, timeout, coverage });
    chunks.ask(chunk);
    this.#do({ type: 'request', peer: peer.id, ...range, ...(isFirst && { isFirst }) });
  }

  /** Notes a fragment. `overlap`: the peer sends bytes anew or others than it was asked for. */
  received(
    peer: Peer,
    request: OpenRequest,
    { chunk, offset, length }: EventOf<'fragment'>,
    now: number,
  ): 'part' | 'chunk' | 'overlap' {
    if (!request.coverage.add(offset, length)) return 'overlap';
    peer.lastHeard = now;
    peer.inFlight -= length;
    peer.meter.add(length, now);
    if (!request.coverage.complete) return 'part';
    peer.requests.delete(chunk);
    peer.timeouts = 0;
    peer.refusals = 0;
    this.#chunks?.unask(chunk, false);
    return 'chunk';
  }

  /** Takes a request back. @param failed whether the next one for the chunk gets more time */
  giveUp(peer: Peer, { chunk, length, coverage }: OpenRequest, failed = true): void {
    peer.requests.delete(chunk);
    peer.inFlight -= length - coverage.received;
    this.#chunks?.unask(chunk, failed);
    this.#do({ type: 'cancel', peer: peer.id, chunk });
  }

  /** Takes all back. */
  release(peer: Peer): void {
    for (const request of [...peer.requests.values()]) this.giveUp(peer, request);
  }
}

/** Time a peer should need for what it was asked for and so many bytes more, in ms. */
export function busyMs({ inFlight, meter }: Peer, more = 0): number {
  return (inFlight + more) / (meter.pace ?? UNKNOWN_RATE);
}

/** When the first of a peer's requests is given up; infinite if there are none. */
export function dueFirst(peer: Peer): number {
  let at = Number.POSITIVE_INFINITY;
  for (const request of peer.requests.values()) at = Math.min(at, dueAt(peer, request));
  return at;
}

/**
 * When a request is given up: its peer silent for its time, or the chunk late although it sends. What has begun to come
 * gets as much time again: the rest comes at once, as a rule, and what came would have come in vain.
 */
export function dueAt(peer: Peer, { sentAt, timeout, coverage }: OpenRequest): number {
  const most = coverage.received > 0 ? 2 * timeout : timeout;
  return Math.min(Math.max(sentAt, peer.lastHeard) + REQUEST_TIMEOUT_MS, sentAt + most);
}
