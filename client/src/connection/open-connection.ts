import type { Init, PeerMessage, PeerMessageBody, Request } from '@zauberflote/proto';
import { decodePeerMessage, encodePeerMessage, MAX_FRAGMENT_BYTES } from '@zauberflote/proto';
import type { Platform } from '../platform.ts';
import { Arrivals } from './arrivals.ts';
import { MessageBudget } from './message-budget.ts';

/**
 * From here on a connection takes no more fragments, in bytes waiting. Chromium ends at 16 MiB
 * (measured, 156), node-datachannel never; 1 MiB is 100 ms at 10 MB/s, more than a sender needs to wake up.
 */
export const HIGH_WATER_BYTES = 1_048_576;

/**
 * When half of what waits has gone, but at the latest from here on, the sender is told to go on, in
 * bytes waiting: enough to keep the line busy meanwhile.
 */
export const LOW_WATER_BYTES = 262_144;

/**
 * Most that may wait on the control channel, in bytes. Requests are 50 bytes; a peer that leaves
 * 1 MiB of them unread is not there any more.
 */
export const MAX_CONTROL_BYTES = 1_048_576;

/**
 * How long ICE may be `disconnected`, in ms, before the connection counts as lost. The state often
 * passes, as after a change of network; `failed` comes only when consent has expired, after up to
 * 30 s (RFC 7675), too late for a download that could ask elsewhere.
 */
export const DISCONNECTED_GRACE_MS = 5_000;

/** A Fragment around its data, in bytes: two field headers, two varints, with room. */
export const FRAGMENT_HEADER_BYTES = 32;

/** What one side may send where the other did not say (RFC 8841, section 6.1), in bytes. */
const DEFAULT_MAX_MESSAGE_BYTES = 65_536;

export interface Link {
  readonly pc: RTCPeerConnection;
  /** Ordered; everything but fragments. */
  readonly control: RTCDataChannel;
  /** Unordered; fragments. */
  readonly data: RTCDataChannel;
  /** What the peer was asked for before it was open. */
  readonly asked?: Init<Request> | undefined;
}

type EndReason = 'lost' | 'malformed' | 'flood';

export interface OpenConnectionHandlers {
  onMessage(message: PeerMessage): void;
  onWritable(): void;
  /** Once, unless `end()` came first. `flood`: the peer sent too much that brings nothing. */
  onEnd(reason: EndReason): void;
}

/** A connection whose two channels are open. */
export class OpenConnection {
  readonly #link: Link;
  readonly #platform: Platform;
  readonly #handlers: OpenConnectionHandlers;
  /** When something was last seen to be sent or received. */
  #usedAt: number;
  /** Bytes of fragments in the queue when it was last looked at. */
  #queued = 0;
  readonly #budget: MessageBudget;
  readonly #arrivals = new Arrivals();
  #state: 'open' | 'ended' = 'open';
  #cancelGrace: (() => void) | undefined;

  constructor(link: Link, platform: Platform, handlers: OpenConnectionHandlers) {
    this.#link = link;
    this.#platform = platform;
    this.#handlers = handlers;
    this.#usedAt = platform.now();
    this.#budget = new MessageBudget(this.#usedAt);
    const { pc, control, data, asked } = link;
    if (asked) this.#budget.sent({ case: 'request', value: asked });
    for (const channel of [control, data]) {
      channel.onmessage = (event) => this.receive(event.data);
      channel.onclose = () => this.#fail('lost');
    }
    data.onbufferedamountlow = () => {
      this.#watchQueue();
      handlers.onWritable();
    };
    pc.onconnectionstatechange = () => {
      this.#cancelGrace?.();
      this.#cancelGrace = undefined;
      const state = pc.connectionState;
      if (state === 'failed' || state === 'closed') this.#fail('lost');
      else if (state === 'disconnected')
        this.#cancelGrace = platform.setTimer(DISCONNECTED_GRACE_MS, () => this.#fail('lost'));
    };
  }

  get isWritable(): boolean {
    return this.#state === 'open' && this.queuedBytes < HIGH_WATER_BYTES;
  }

  /** Bytes of fragments that wait to be sent. */
  get queuedBytes(): number {
    return this.#link.data.bufferedAmount;
  }

  get maxFragmentBytes(): number {
    const most = this.#link.pc.sctp?.maxMessageSize || DEFAULT_MAX_MESSAGE_BYTES;
    return Math.min(most - FRAGMENT_HEADER_BYTES, MAX_FRAGMENT_BYTES);
  }

  /** For how long nothing came or went, in ms. What drained from the queue since the last look went now. */
  idleMs(): number {
    const { bufferedAmount } = this.#link.data;
    if (bufferedAmount < this.#queued) this.#usedAt = this.#platform.now();
    this.#queued = bufferedAmount;
    return this.#platform.now() - this.#usedAt;
  }

  /** False if the connection is over, be it by this very message. */
  send(body: PeerMessageBody): boolean {
    if (this.#state === 'ended') return false;
    const { control, data } = this.#link;
    try {
      (body?.case === 'fragment' ? data : control).send(encodePeerMessage(body));
      this.#usedAt = this.#platform.now();
      this.#queued = data.bufferedAmount;
      if (body?.case === 'fragment') this.#watchQueue();
      this.#budget.sent(body);
      if (control.bufferedAmount <= MAX_CONTROL_BYTES) return true;
    } catch {
      // A full queue (OperationError) or a channel that is closing (InvalidStateError).
    }
    this.#fail('lost');
    return false;
  }

  /** One message of a channel, as it arrived. */
  receive(frame: unknown): void {
    if (this.#state === 'ended') return;
    this.#usedAt = this.#platform.now();
    let message: PeerMessage;
    try {
      // Text becomes an empty message, which fails like any other garbage.
      message = decodePeerMessage(new Uint8Array(frame instanceof ArrayBuffer ? frame : []));
    } catch {
      return this.#fail('malformed');
    }
    if (!this.#budget.take(message, this.#usedAt)) return this.#fail('flood');
    const { body } = message;
    if (body.case === 'fragment') {
      const bytes = this.#arrivals.take(body.value.data.length);
      if (bytes) this.send({ case: 'received', value: { bytes } });
    }
    if (body.case) this.#handlers.onMessage(message);
  }

  /** Ends the connection without a word to the handlers. */
  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#cancelGrace?.();
    closeLink(this.#link);
  }

  /** Has the channel tell when it has sent half of its queue. */
  #watchQueue(): void {
    const { data } = this.#link;
    // Outside of browsers the queue may shrink meanwhile, unheard.
    do data.bufferedAmountLowThreshold = Math.min(LOW_WATER_BYTES, data.bufferedAmount >> 1);
    while (data.bufferedAmount && data.bufferedAmount <= data.bufferedAmountLowThreshold);
  }

  #fail(reason: EndReason): void {
    if (this.#state === 'ended') return;
    this.end();
    this.#handlers.onEnd(reason);
  }
}

/** Closes a peer connection; nothing of it is heard any more. */
export function closeLink({ pc, control, data }: Partial<Link>): void {
  for (const channel of [control, data])
    if (channel)
      channel.onopen = channel.onmessage = channel.onclose = channel.onbufferedamountlow = null;
  if (!pc) return;
  pc.onconnectionstatechange = pc.onicecandidate = pc.onicegatheringstatechange = null;
  pc.close();
}
