/**
 * The socket to the first tracker that the guard opens while the client's script still loads. With a script
 * that takes three round trips, the tracker's answer is there up to one sooner, or two with TLS 1.3. (Measured
 * without TLS, 50 ms: 33 ms.) Its request asks for the peers of one content.
 */
export interface EarlySocket extends WebSocket {
  /** The address as it stands in `data-tracker`. */
  readonly named: string;
  /** What came before the client was there. */
  readonly heard: readonly Pick<MessageEvent, 'data' | 'timeStamp'>[];
  /** What it asked for: the digest of a `zf1-` id in base64url. */
  readonly wanted?: string | undefined;
}

/**
 * Whom the tracker named longer ago than this, in ms, is a hint: it is asked again, as in a crowd others have
 * come since.
 */
export const EARLY_REPLY_MS = 1_000;

/**
 * Nothing is made of what it said longer ago, in ms: an offer that it gave away is answered within
 * DEPOSITED_MS from when the client hears of it, and its maker waits 15 s longer than the tracker gives it away.
 */
export const EARLY_HINT_MS = 3_000;

/** An early socket that the client did not need for so long, in ms, is closed: on such a page nothing is marked. */
export const EARLY_SOCKET_MS = 5_000;
