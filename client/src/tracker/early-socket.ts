/**
 * The socket to the first tracker that the guard opens while the client's script still loads. With a script
 * that takes three round trips, the tracker's answer is there up to one sooner, or two with TLS 1.3, although
 * nothing can be said with the request. (Measured without TLS, 50 ms: 33 ms.)
 */
export interface EarlySocket extends WebSocket {
  /** The address as it stands in `data-tracker`. */
  readonly named: string;
  /** What came before the client was there. */
  readonly heard: readonly MessageEvent[];
}

/** An early socket that the client did not need for so long, in ms, is closed: on such a page nothing is marked. */
export const EARLY_SOCKET_MS = 5_000;
