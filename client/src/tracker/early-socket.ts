/**
 * The socket to the first tracker that the guard opens while the client's script still loads: that is
 * over sooner by a round trip, with TLS by three.
 */
export interface EarlySocket extends WebSocket {
  /** The address as it stands in `data-tracker`. */
  readonly named: string;
  /** What came before the client was there. */
  readonly heard: readonly MessageEvent[];
}

/** An early socket that nothing was said on for so long, in ms, is closed: on such a page nothing is marked. */
export const EARLY_SOCKET_MS = 5_000;
