import type { PeerMessage, PeerMessageBody } from '@zauberflote/proto';

/**
 * Small messages that a peer may send for ever, per second. Each takes 20 to 50 µs, so a peer that does
 * nothing else takes 1 to 3 % of a core. Of a file of 256 MiB one tells of 1,024 chunks.
 */
export const SMALL_PER_SECOND = 500;

/**
 * What it did not send it may send later, up to so many at once. Enough for a page of 500 assets of
 * 200 KB at 30 MB/s: 500 Holdings, and word of each of 6,500 chunks, within 3 s.
 */
export const SMALL_BURST = 8_192;

/**
 * Who sent too much may come again after this time, in ms: for good would be too hard, as it may be
 * honest and fast. In it the burst would have been saved up, so coming again gains nothing.
 */
export const FLOOD_PAUSE_MS = (SMALL_BURST / SMALL_PER_SECOND) * 1000;

/** What Holdings count for: they go through all chunks of a content, up to 0.7 ms. */
export const HOLDINGS_COST = 4;

/**
 * A fragment of so many bytes costs nothing: what it carries is worth its handling. Smaller ones cost
 * in proportion. Only the last one of a request need be smaller, and it is paid for by the request.
 */
export const FAIR_FRAGMENT_BYTES = 4_096;

/**
 * How much work a peer may make that brings nothing. All a page does is done by one thread, and a
 * peer sends a hundred thousand messages of a byte in a second.
 */
export class MessageBudget {
  #left = SMALL_BURST;
  #at: number;
  /** Bytes of fragments sent to the peer that it has not said to have received: saying so is owed. */
  #unsaid = 0;
  /** Bytes that the peer was asked for and has not sent: it has no use for a line but to fill it with more. */
  #asked = 0;

  constructor(now: number) {
    this.#at = now;
  }

  /** False if this message is too much. */
  take({ body }: Pick<PeerMessage, 'body'>, now: number): boolean {
    let cost = body.case === 'holdings' ? HOLDINGS_COST : 1;
    if (body.case === 'fragment') {
      const { length } = body.value.data;
      this.#asked -= length;
      if (this.#asked < 0) return false;
      cost = Math.max(0, 1 - length / FAIR_FRAGMENT_BYTES);
    }
    if (body.case === 'received') {
      const said = Math.min(body.value.bytes, this.#unsaid);
      this.#unsaid -= said;
      cost = Math.max(0, 1 - said / FAIR_FRAGMENT_BYTES);
    }
    const left = this.#left + ((now - this.#at) * SMALL_PER_SECOND) / 1000;
    this.#left = Math.min(left, SMALL_BURST) - cost;
    this.#at = now;
    return this.#left >= 0;
  }

  /** What is sent to the peer makes it send: a request its answer, and a fragment was asked for. */
  sent(body: PeerMessageBody): void {
    if (body?.case === 'request') {
      this.#left++;
      this.#asked += body.value.length!;
    }
    if (body?.case !== 'fragment') return;
    this.#unsaid += body.value.data!.length;
    this.#left += body.value.data!.length / FAIR_FRAGMENT_BYTES;
  }
}
