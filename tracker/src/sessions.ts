import type { SessionRequest, SessionResponseBody } from '@zauberflote/proto';
import {
  CLOSE_CODE_BASE,
  decodeSessionRequest,
  ErrorCode,
  encodeSessionResponse,
  ProtocolError,
} from '@zauberflote/proto';
import type { Rates } from './abuse/meter.ts';
import { Meter } from './abuse/meter.ts';
import type { Exchange } from './backplane/exchange.ts';
import type { Counters } from './counters.ts';
import { countIn, errorName } from './counters.ts';
import * as limits from './limits.ts';
import type { Log } from './log.ts';
import type { Effect, IpVersion } from './registry/peer.ts';
import type { Registry } from './registry/registry.ts';
import { truncateUtf8 } from './text.ts';

type Peers = Extract<SessionResponseBody, { case: 'peers' }>['value'];

/** What sessions need of a WebSocket; `ws` has it. */
export interface Socket {
  /** Bytes handed to `send` that have not left this process. */
  readonly bufferedAmount: number;
  send(message: Uint8Array): void;
  close(code: number, reason: string): void;
  /** Nothing more is to be read from it for `ms` milliseconds; replaces what was said before. */
  hold(ms: number): void;
}

export interface SessionsOptions {
  /** Milliseconds of a clock that never runs backwards. */
  readonly now: () => number;
  /** Uniform over [0, 1), and not guessable. */
  readonly random: () => number;
  /** Hears of faults of the tracker's own. */
  readonly onFault: (error: unknown) => void;
  readonly registry: Registry<Socket>;
  /** What each may send. */
  readonly rates: Rates;
  readonly counters: Counters;
  readonly log: Pick<Log, 'debug'>;
  /** Where effects on other nodes go. @default there are none */
  readonly nodes?: Pick<Exchange<Socket>, 'seek' | 'borrow' | 'send'>;
}

/**
 * Joins sockets to a registry: decodes their frames, carries out effects, and ends a session that
 * breaks the protocol, reads too slowly or meets a fault, whatever it sends, without touching others.
 */
export class Sessions {
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #onFault: (error: unknown) => void;
  readonly #registry: Registry<Socket>;
  readonly #rates: Rates;
  readonly #counters: Counters;
  readonly #log: Pick<Log, 'debug'>;
  readonly #nodes: Pick<Exchange<Socket>, 'seek' | 'borrow' | 'send'> | undefined;
  readonly #open = new Map<Socket, Meter>();

  constructor({ nodes, now, random, onFault, registry, rates, counters, log }: SessionsOptions) {
    this.#nodes = nodes;
    this.#log = log;
    this.#counters = counters;
    this.#rates = rates;
    this.#now = now;
    this.#random = random;
    this.#onFault = onFault;
    this.#registry = registry;
  }

  /** Whether it has a session that has not ended. */
  has(socket: Socket): boolean {
    return this.#open.has(socket);
  }

  /** @param ipVersion by which its client has come */
  open(socket: Socket, ipVersion?: IpVersion): void {
    this.#counters.sessions++;
    this.#open.set(socket, new Meter(this.#rates, this.#now()));
    this.perform(socket, () => this.#registry.connect(socket, this.#random, ipVersion));
  }

  /** A whole message arrived. After the session ended it is ignored. */
  receive(socket: Socket, frame: Uint8Array, isBinary: boolean): void {
    const meter = this.#open.get(socket);
    if (!meter) return;
    this.#counters.received++;
    this.#counters.receivedBytes += frame.byteLength;
    const now = this.#now();
    const owedMs = meter.frame(frame.byteLength, now);
    // Not even decoded. Else it is held once, for the longer of the two.
    if (owedMs > limits.MAX_HOLD_MS) return void this.#pay(socket, meter, owedMs);
    this.perform(socket, () => {
      if (!isBinary)
        throw new ProtocolError(
          ErrorCode.MALFORMED,
          'a text frame was sent; send binary frames of one SessionRequest each',
        );
      const message = decode(frame);
      if (!this.#pay(socket, meter, meter.message(message.body, now))) return [];
      return this.#registry.receive(socket, message, now, this.#random);
    });
  }

  /** The socket closed, or will not be heard any more. */
  closed(socket: Socket): void {
    if (!this.#open.delete(socket)) return;
    this.#registry.disconnect(socket, this.#now());
  }

  /** Ends a session: says why, closes, and forgets the peer at once. */
  end(socket: Socket, code: ErrorCode, message: string, retryAfterMs = 0): void {
    if (!this.#open.has(socket)) return;
    this.closed(socket);
    countIn(this.#counters.ended, code);
    this.#log.debug({ code: errorName(code), retryAfterMs }, `session ended: ${message}`);
    const text = truncateUtf8(message, limits.MAX_ERROR_MESSAGE_BYTES);
    const value = { code, message: text, retryAfterMs };
    this.#send(socket, { case: 'error', value });
    socket.close(CLOSE_CODE_BASE + code, text);
  }

  /** Ends every session because the tracker stops. */
  endAll(): void {
    for (const socket of this.#open.keys()) {
      const retryAfterMs = Math.round(limits.GOING_AWAY_RETRY_MS * this.#random());
      const message = 'this tracker is stopping; connect again';
      this.end(socket, ErrorCode.GOING_AWAY, message, retryAfterMs);
    }
  }

  tick(): void {
    this.#registry.tick(this.#now());
  }

  /** Reads no more while it owes something, and ends it if that takes too long. */
  #pay(socket: Socket, meter: Meter, owedMs: number): boolean {
    if (owedMs === 0) return true;
    countIn(this.#counters.limits, meter.limit);
    if (owedMs <= limits.MAX_HOLD_MS) {
      this.#counters.holds++;
      socket.hold(owedMs);
      return true;
    }
    const message = 'too many messages, bytes or contents a second; send less';
    this.end(socket, ErrorCode.LIMIT_EXCEEDED, message, Math.ceil(owedMs));
    return false;
  }

  /** Carries out what `act` says; if that fails, the session that it was for is ended, if any. */
  perform(socket: Socket | undefined, act: () => readonly Effect<Socket>[]): void {
    try {
      for (const effect of act()) this.#carryOut(effect);
    } catch (error) {
      if (socket && error instanceof ProtocolError)
        return this.end(socket, error.code, error.message);
      this.#onFault(error);
      if (socket) this.end(socket, ErrorCode.INTERNAL, 'the tracker failed at this; connect again');
    }
  }

  #carryOut(effect: Effect<Socket>): void {
    if ('close' in effect) {
      countIn(this.#counters.limits, effect.limit);
      return this.end(effect.to, effect.close, effect.message, effect.retryAfterMs);
    }
    if ('node' in effect) return this.#nodes?.send(effect.node, effect.message);
    if ('seek' in effect) return this.#nodes?.seek(effect.to, effect.seek);
    if ('borrow' in effect) return this.#nodes?.borrow(effect.to, effect.borrow);
    if (effect.send.case === 'peers') this.#counters.named += namedIn(effect.send.value);
    this.#send(effect.to, effect.send);
    if (effect.to.bufferedAmount > limits.MAX_BUFFERED_BYTES)
      this.end(effect.to, ErrorCode.SLOW_CONSUMER, 'messages were not read fast enough');
  }

  #send(socket: Socket, body: SessionResponseBody): void {
    const message = encodeSessionResponse(body);
    this.#counters.sent++;
    this.#counters.sentBytes += message.byteLength;
    socket.send(message);
  }
}

/**
 * Text as a frame, or gRPC's prefix before it, are likely first mistakes, and what a decoder makes of them
 * no help.
 */
function decode(frame: Uint8Array): SessionRequest {
  try {
    return decodeSessionRequest(frame);
  } catch (error) {
    const hint = hintOn(frame);
    if (!hint || !(error instanceof ProtocolError)) throw error;
    throw new ProtocolError(error.code, `${hint}; send a SessionRequest encoded as protobuf`);
  }
}

/** What a frame looks like that is no message; undefined for one that may be. */
function hintOn(frame: Uint8Array): string | undefined {
  if (frame[0] === '{'.charCodeAt(0)) return 'this looks like JSON';
  // No message begins with 0.
  if (frame[0] === 0)
    return 'this begins with 0, as with the length that gRPC puts before a message';
  return undefined;
}

function namedIn({ swarms = [] }: Peers): number {
  return swarms.reduce((sum, { holders = [] }) => sum + holders.length, 0);
}

/** Whether a socket has so much unsent that nothing should be relayed to it. */
export function isCongested(socket: Socket): boolean {
  return socket.bufferedAmount > limits.CONGESTED_BYTES;
}
