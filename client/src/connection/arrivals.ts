/**
 * Bytes of fragments, at least, that one message says to have come: those of the first fragment, and of
 * every usual one. Part of the protocol, since a sender waits for it; see `Received` in `peer.proto`.
 */
export const SAY_BYTES = 4_096;

/** What has come over a connection and was not said yet. */
export class Arrivals {
  #unsaid = 0;

  /** So many bytes have come. @returns how many are to be said now; 0: none */
  take(bytes: number): number {
    this.#unsaid += bytes;
    if (this.#unsaid < SAY_BYTES) return 0;
    const said = this.#unsaid;
    this.#unsaid = 0;
    return said;
  }
}
