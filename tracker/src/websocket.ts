import { MAX_SESSION_MESSAGE_BYTES, SUBPROTOCOL } from '@zauberflote/proto';
import { WebSocket, WebSocketServer } from 'ws';
import type { Parkable } from './abuse/turns.ts';
import * as limits from './limits.ts';
import type { Socket } from './sessions.ts';

/** A client's WebSocket. */
export class SessionSocket extends WebSocket implements Socket, Parkable {
  /** Is to end the session, because a message is too large. */
  onTooLarge: () => void = () => {};
  /** Nothing can be sent to it any more: one side said that it closes. */
  onClosing: () => void = () => {};
  #held: NodeJS.Timeout | undefined;
  #parked = false;

  hold(ms: number): void {
    clearTimeout(this.#held);
    this.pause();
    this.#held = setTimeout(() => {
      this.#held = undefined;
      if (!this.#parked) this.resume();
    }, ms).unref();
  }

  park(parked: boolean): void {
    this.#parked = parked;
    if (parked) this.pause();
    else if (this.#held === undefined) this.resume();
  }

  // For a message beyond maxPayload, ws closes with 1009 by itself, and without a reason. Only
  // here can the Error be sent first, and our own code be used.
  override close(code?: number, reason?: string | Buffer): void {
    if (code === 1009 && reason === undefined) return this.onTooLarge();
    // ws calls this, too, when it has read the client's close frame.
    this.onClosing();
    super.close(code, reason);
    // Else the end of the closing handshake would have to wait, too.
    clearTimeout(this.#held);
    this.#held = undefined;
    this.#parked = false;
    this.resume();
  }
}

/** Makes WebSockets of requests to upgrade. */
export function webSocketServer() {
  const options = {
    noServer: true,
    WebSocket: SessionSocket,
    maxPayload: MAX_SESSION_MESSAGE_BYTES,
    perMessageDeflate: false,
    // One message of each client in a turn of the event loop, so that others come between.
    allowSynchronousEvents: false,
    handleProtocols: () => SUBPROTOCOL,
    closeTimeout: limits.CLOSE_TIMEOUT_MS,
  };
  return new WebSocketServer(options);
}
