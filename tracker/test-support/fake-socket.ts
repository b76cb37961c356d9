import type { SessionResponse } from '@zauberflote/proto';
import { decodeSessionResponse } from '@zauberflote/proto';
import type { Socket } from '../src/sessions.ts';

/** Keeps what a session does with it. */
export class FakeSocket implements Socket {
  bufferedAmount = 0;
  closedWith: { readonly code: number; readonly reason: string } | undefined;
  heldMs = 0;
  #sent: SessionResponse['body'][] = [];

  send(message: Uint8Array): void {
    this.#sent.push(decodeSessionResponse(message).body);
  }

  close(code: number, reason: string): void {
    this.closedWith = { code, reason };
  }

  hold(ms: number): void {
    this.heldMs = ms;
  }

  /** What was sent since the last call. */
  take(): SessionResponse['body'][] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }
}
