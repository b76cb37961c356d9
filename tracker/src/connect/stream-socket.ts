import { fromBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { CLOSE_CODE_BASE, ErrorCode } from '@zauberflote/proto';
import type { SessionResponse } from '@zauberflote/proto/full';
import { SessionResponseSchema } from '@zauberflote/proto/full';
import type { Parkable } from '../abuse/turns.ts';
import type { Socket } from '../sessions.ts';

/** The status that a stream ends with, by the code of the Error before it. */
const STATUS: Readonly<Record<number, Code>> = {
  [ErrorCode.MALFORMED]: Code.InvalidArgument,
  [ErrorCode.TOO_LARGE]: Code.ResourceExhausted,
  [ErrorCode.LIMIT_EXCEEDED]: Code.ResourceExhausted,
  [ErrorCode.TIMEOUT]: Code.DeadlineExceeded,
  [ErrorCode.SLOW_CONSUMER]: Code.ResourceExhausted,
  [ErrorCode.GOING_AWAY]: Code.Unavailable,
  [ErrorCode.OVERLOADED]: Code.Unavailable,
  [ErrorCode.INTERNAL]: Code.Internal,
};

/** One stream of a gRPC client, to sessions what a WebSocket is. */
export class StreamSocket implements Socket, Parkable {
  readonly #messages: Uint8Array[] = [];
  #buffered = 0;
  #end: ConnectError | 'open' | 'left' = 'open';
  #wake: () => void = () => {};
  #held: NodeJS.Timeout | undefined;
  #parked = false;
  #readable: () => void = () => {};
  readonly #onEnd: () => void;

  /** @param onEnd once, when either side has ended it: some of what was sent may not be read yet */
  constructor(onEnd: () => void = () => {}) {
    this.#onEnd = onEnd;
  }

  get bufferedAmount(): number {
    return this.#buffered;
  }

  send(message: Uint8Array): void {
    if (this.#end !== 'open') return;
    this.#messages.push(message);
    this.#buffered += message.byteLength;
    this.#wake();
  }

  close(code: number, reason: string): void {
    if (this.#end !== 'open') return;
    this.#finish(new ConnectError(reason, STATUS[code - CLOSE_CODE_BASE] ?? Code.Unknown));
  }

  /** The client has ended its side, or is gone: nothing is left to be sent. */
  leave(): void {
    if (this.#end === 'open') this.#finish('left');
  }

  hold(ms: number): void {
    clearTimeout(this.#held);
    this.#held = setTimeout(() => {
      this.#held = undefined;
      this.#readable();
    }, ms).unref();
  }

  park(parked: boolean): void {
    this.#parked = parked;
    this.#readable();
  }

  /** Settles when more may be read. */
  async readable(): Promise<void> {
    while (this.#end === 'open' && (this.#parked || this.#held !== undefined))
      await new Promise<void>((resolve) => {
        this.#readable = resolve;
      });
  }

  /** What was sent, as it is taken. @throws {ConnectError} after the last, if the tracker ended it */
  async *sent(): AsyncGenerator<SessionResponse> {
    for (;;) {
      const message = this.#messages.shift();
      if (message) {
        this.#buffered -= message.byteLength;
        yield fromBinary(SessionResponseSchema, message);
      } else if (this.#end === 'left') return;
      else if (this.#end !== 'open') throw this.#end;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  #finish(end: ConnectError | 'left'): void {
    this.#end = end;
    clearTimeout(this.#held);
    this.#held = undefined;
    this.#parked = false;
    this.#readable();
    this.#wake();
    this.#onEnd();
  }
}
