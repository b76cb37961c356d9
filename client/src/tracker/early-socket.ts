/**
 * The socket to the first tracker that the guard opens while the client's script still loads. With a script
 * that takes three round trips, the tracker's answer is there up to one sooner, or two with TLS 1.3. (Measured
 * without TLS, 50 ms: 33 ms, when the guard still waited for 50.) Its request asks for the peers of one content.
 */
export interface EarlySocket extends WebSocket {
  /** The address as it stands in `data-tracker`. */
  readonly named: string;
  /** What came before the client was there. */
  readonly heard: readonly Pick<MessageEvent, 'data' | 'timeStamp'>[];
  /** The content whose peers its request asks for, if any; the client asks again, as in a crowd others have come since. */
  readonly wanted?: string | undefined;
}

/** An early socket that the client did not need for so long, in ms, is closed: on such a page nothing is marked. */
export const EARLY_SOCKET_MS = 5_000;
