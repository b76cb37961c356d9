import type { SessionRequestBody, SessionResponse } from '@zauberflote/proto';
import {
  contentKey,
  decodeSessionResponse,
  encodeSessionRequest,
  SUBPROTOCOL,
  toBase64url,
} from '@zauberflote/proto';
import type { Content } from '../integrity/content-id.ts';
import type { Platform } from '../platform.ts';
import type { EarlySocket } from './early-socket.ts';
import { EARLY_SOCKET_MS } from './early-socket.ts';
import { type Place, places } from './places.ts';
import { silence } from './silence.ts';
import {
  FIRST_PAUSE_MS,
  HELD_UP_MS,
  LONGEST_PAUSE_MS,
  MAX_RETRY_AFTER_MS,
  MOVE_ON_MS,
  RESPONSE_TIMEOUT_MS,
  SHORT_SESSIONS,
  STABLE_MS,
} from './timing.ts';
import type {
  DescriptionInit,
  LeaseRequest,
  PeerId,
  SignalInit,
  Tracker,
  TrackerHandlers,
  TrackerState,
} from './types.ts';
import type { Held } from './unsent.ts';
import { firstNames, MORE_LEASES_MS, Unsent } from './unsent.ts';

const OPEN = 1; // WebSocket.OPEN; the constructor may be missing.

/** The tracker interface of the paper (section 3.3) over one WebSocket. */
export class TrackerClient implements Tracker {
  /** In the owner's order, which is also that of trying: visitors meet only at the same one. */
  readonly #places: readonly Place[];
  /** Those to try before a pause. */
  #round: Place[];
  #place: Place | undefined;
  readonly #platform: Platform;
  readonly #handlers: TrackerHandlers;
  #state: TrackerState;
  #ownId: PeerId | undefined;
  #socket: WebSocket | undefined;
  /** Until it is used or not wanted any more. */
  #early: EarlySocket | undefined;
  /** The content alone in the Peers that are still to come for what the guard asked. */
  #hint: string | undefined;
  #welcomedAt: number | undefined;
  #failures = 0;
  /** Sessions in a row that broke off before they had lasted. */
  #broken = 0;
  #flushing = false;
  #cancelPause: (() => void) | undefined;
  #cancelDeadline: (() => void) | undefined;
  /** Of this socket. */
  #endSilence: ReturnType<typeof silence> | undefined;
  /** Until more of them may be sent. */
  #cancelLeases: (() => void) | undefined;

  /** Questions without an answer, and contents held; they outlive a socket. */
  readonly #asked = new Map<string, Content>();
  readonly #held = new Map<string, Held>();
  /** First frames that did not fit into the request for the socket. */
  #next: Uint8Array<ArrayBuffer>[] = [];
  /** What this socket has not been told. */
  readonly #unsent = new Unsent();

  /**
   * Opens no socket before the first want or have; `state` is `connecting` until then.
   * @param named `wss:` (or on plain-http pages `ws:`) addresses, parted by spaces or in a list: one
   * is used at a time, the first that works. None: there is no tracker.
   * @param handlers are never called from within a method of this object.
   * @param early is used for the first session, whatever has become of it, or closed
   */
  constructor(
    named: string | readonly string[] | undefined,
    platform: Platform,
    handlers: TrackerHandlers,
    early?: EarlySocket,
  ) {
    this.#places = places(named);
    this.#round = [...this.#places];
    this.#platform = platform;
    this.#handlers = handlers;
    this.#state = this.#round[0] ? 'connecting' : 'unavailable';
    this.#early = early;
    // Does nothing when it is in use by then.
    if (early) platform.setTimer(EARLY_SOCKET_MS, () => this.#takeEarly());
  }

  get state(): TrackerState {
    return this.#state;
  }

  get ownId(): PeerId | undefined {
    return this.#ownId;
  }

  want(contents: readonly Content[]): void {
    for (const content of contents) {
      if (this.#asked.has(content.key)) continue;
      this.#asked.set(content.key, content);
      this.#unsent.want.set(content.key, content);
    }
    this.#flushSoon();
  }

  have(content: Content, size: number, partial = false): void {
    const holding = { content, size: BigInt(size), partial };
    const held = this.#held.get(content.key);
    if (held?.size === holding.size && held.partial === partial) return;
    this.#held.set(content.key, holding);
    this.#unsent.have.set(content.key, holding);
    this.#unsent.drop.delete(content.key);
    this.#flushSoon();
  }

  lease(content: Content, request: LeaseRequest): boolean {
    if (this.#state !== 'connecting' && !this.#socket) return false;
    const { lease } = this.#unsent;
    // One that reports must not be replaced; the first on a socket have nothing to report.
    if (lease.has(content.key) && this.#socket?.readyState === OPEN) this.#flush();
    lease.set(content.key, { ...request, content });
    this.#flushSoon();
    return true;
  }

  drop(contents: readonly Content[]): void {
    const { want, have, lease } = this.#unsent;
    for (const content of contents) {
      for (const map of [this.#asked, this.#held, want, have, lease]) map.delete(content.key);
      if (this.#socket) this.#unsent.drop.set(content.key, content);
    }
    if (this.#socket) this.#flushSoon();
  }

  signal(signal: SignalInit): boolean {
    return this.#send({ case: 'signal', value: signal });
  }

  deposit(attempt: number, description: DescriptionInit): boolean {
    return this.#send({ case: 'deposit', value: { offers: [{ attempt, description }] } });
  }

  /**
   * Leaves the tracker, but remembers what is wanted and held. For a page that its visitor left:
   * the browser may keep it, socket and all, but it answers nobody.
   */
  suspend(): void {
    if (this.#state === 'connecting' || this.#state === 'waiting' || this.#socket)
      this.#leave('suspended');
  }

  /** After {@link suspend}: asks and announces again, if there is anything. Else nothing happens. */
  resume(): void {
    if (this.#state !== 'suspended') return;
    this.#leave('connecting');
    if (this.#asked.size > 0 || this.#held.size > 0) this.#flushSoon();
  }

  /**
   * The visitor's network is back, or another: what there is with the tracker may have died without a
   * word, and a pause that grew in vain need not be waited for.
   */
  renew(): void {
    if (!this.#socket && this.#state !== 'waiting') return;
    this.#leave(this.#asked.size + this.#held.size > 0 ? 'moving' : 'connecting');
    this.#failures = 0;
    queueMicrotask(() => {
      if (this.#state === 'moving' && !this.#socket) this.#open('moving');
    });
  }

  close(): void {
    if (this.#state !== 'closed') this.#leave('closed');
  }

  /** Ends what there is with the tracker, and says so later: it was the caller who wanted it. */
  #leave(state: TrackerState): void {
    this.#dropSocket();
    this.#cancelPause?.();
    this.#begin(this.#platform.now());
    this.#state = state;
    queueMicrotask(() => this.#handlers.onState(state, undefined));
  }

  /** False if there is no session. */
  #send(body: SessionRequestBody): boolean {
    if (this.#state !== 'open' || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(encodeSessionRequest(body));
    return true;
  }

  /** A page of 30 assets asks for each on its own; together they are one message. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      if (this.#state === 'connecting' && !this.#socket) this.#open();
      else if (this.#socket?.readyState === OPEN) this.#flush();
    });
  }

  #flush(): void {
    if (this.#unsent.want.size && !this.#cancelDeadline) this.#startDeadline();
    for (const frame of this.#unsent.frames(this.#platform.now())) this.#socket?.send(frame);
    if (this.#unsent.lease.size > 0)
      this.#cancelLeases ??= this.#platform.setTimer(MORE_LEASES_MS, () => {
        this.#cancelLeases = undefined;
        this.#flushSoon();
      });
  }

  /** To the next of this round, or to a pause before another one. */
  #open(state: TrackerState = 'connecting'): void {
    const place = this.#round.shift();
    if (!place) return this.#pause();
    this.#place = place;
    // All that is remembered, new or not: this socket has been told nothing. What fits is told with
    // the request for it, which saves a round trip (tracker.proto).
    for (const [key, content] of this.#asked) this.#unsent.want.set(key, content);
    for (const [key, holding] of this.#held) this.#unsent.have.set(key, holding);
    const frames = this.#unsent.frames(this.#platform.now());
    const early = this.#takeEarly(place);
    // Not after a failure: something on the way may not like it.
    const names = early || this.#failures > 0 ? [] : firstNames(frames);
    this.#next = frames.slice(names.length);
    let socket: WebSocket;
    try {
      // No WebSocket at all, a URL that is none, or ws: from an https: page.
      socket = early ?? new this.#platform.WebSocket!(place.url, [SUBPROTOCOL, ...names]);
    } catch {
      return this.#lost(Number.POSITIVE_INFINITY);
    }
    this.#socket = socket;
    this.#hint = early?.wanted;
    socket.binaryType = 'arraybuffer';
    const opened = () => {
      if (socket.protocol !== SUBPROTOCOL) return this.#lost(Number.POSITIVE_INFINITY);
      for (const frame of this.#next.splice(0)) socket.send(frame);
      this.#flush();
    };
    socket.onopen = opened;
    const hear = ({ data }: Pick<MessageEvent, 'data'>, ageMs = 0) => {
      let message: SessionResponse;
      try {
        // A text frame becomes an empty message, which fails like any other garbage.
        const frame = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array();
        message = decodeSessionResponse(frame);
      } catch {
        return this.#lost(0);
      }
      this.#receive(message.body, ageMs);
    };
    socket.onmessage = (message) => hear(message);
    // WebKit ends one to a ws: address on an https: page, and one to a port it blocks, with an error alone.
    socket.onclose = socket.onerror = () => this.#lost(0);
    this.#startDeadline(this.#round[0] ? MOVE_ON_MS : RESPONSE_TIMEOUT_MS);
    this.#endSilence = silence(this.#platform, place.url, () => this.#setState('waiting'));
    this.#setState(state);
    if (!early) return;
    // It says none of this again.
    if (early.readyState === OPEN) opened();
    for (const message of early.heard)
      if (this.#socket === early) hear(message, this.#platform.now() - message.timeStamp);
    if (early.readyState > OPEN && this.#socket === early) this.#lost(0);
  }

  /** The early socket if it leads to `place`; else it is closed. */
  #takeEarly(place?: Place): EarlySocket | undefined {
    const early = this.#early;
    this.#early = undefined;
    if (!early || early.named === place?.url) return early;
    early.close();
    return undefined;
  }

  /** @param ageMs for how long it has waited for the client, on an early socket */
  #receive(body: SessionResponse['body'], ageMs: number): void {
    switch (body.case) {
      case 'welcome':
        this.#ownId = body.value.peerId;
        this.#welcomedAt = this.#platform.now();
        this.#endSilence?.(true);
        this.#expectReplies();
        this.#setState('open');
        break;
      case 'peers': {
        const [one, more] = body.value.swarms;
        // It need not be the first: a tracker of several nodes answers some at once, and looks for others.
        const isHint = !more && !!one && toBase64url(one.content!.digest) === this.#hint;
        if (isHint) this.#hint = undefined;
        const replies = body.value.swarms
          .map(({ content, holders, ...totals }) => ({
            contentKey: contentKey(content!), // The codec checked that it is there.
            holders: holders.map(({ peerId, size, partial, offer }) => {
              if (offer)
                this.#handlers.onDeposited(peerId, offer.attempt, offer.description!, ageMs);
              return { peer: peerId, size: Number(size), partial, offered: !!offer };
            }),
            ...totals,
          }))
          // To what was asked before this was there, nobody is no answer: others have come since.
          .filter(({ contentKey, holders }) =>
            isHint ? holders[0] : this.#asked.delete(contentKey),
          );
        this.#expectReplies();
        for (const reply of replies) this.#handlers.onPeers(reply);
        break;
      }
      case 'grant': {
        const { content, ...grant } = body.value;
        this.#handlers.onGrant(contentKey(content!), grant);
        break;
      }
      case 'error':
        this.#lost(Math.min(body.value.retryAfterMs, MAX_RETRY_AFTER_MS));
        break;
      case 'signal':
        this.#handlers.onSignal(body.value);
        break;
      case 'undeliverable': {
        const { peerId, attempt, reason } = body.value;
        this.#handlers.onUndeliverable(peerId, attempt, reason);
      }
    }
  }

  /**
   * Goes to the next at once; after a session, pauses and goes to the first again.
   * @param retryAfterMs for how long this one is left alone; infinite: it is no tracker
   * @param isSilent it has not answered in time
   */
  #lost(retryAfterMs: number, isSilent = false): void {
    const now = this.#platform.now();
    const stable = now - (this.#welcomedAt ?? now) >= STABLE_MS;
    this.#place!.freeAt = now + retryAfterMs;
    // One that sends its clients away knows why. Else it may be this visitor's network, and who
    // went elsewhere alone would meet nobody there; or it restarts, and all would go at once.
    const broke = this.#welcomedAt !== undefined && retryAfterMs === 0 && (stable || !isSilent);
    if (stable) this.#failures = this.#broken = 0;
    else if (broke) this.#broken++;
    if (broke && this.#broken <= SHORT_SESSIONS) this.#round = [];
    else if (stable) this.#begin(now);
    this.#dropSocket();
    // It breaks off for all at the same time.
    if (broke) this.#pause();
    else this.#open('moving');
  }

  /** Connects again when one may be asked, and some time later by chance; to what is left of the round. */
  #pause(): void {
    const bound = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
    const now = this.#platform.now();
    const due =
      Math.max(now, Math.min(...this.#places.map(({ freeAt }) => freeAt))) +
      this.#platform.random() * bound;
    if (due === Number.POSITIVE_INFINITY) return this.#setState('unavailable');
    if (!this.#round[0]) this.#begin(due);
    this.#cancelPause = this.#platform.setTimer(due - now, () => this.#open());
    this.#setState('waiting');
  }

  /** A round of those that may be asked at `time`. */
  #begin(time: number): void {
    this.#round = this.#places.filter(({ freeAt }) => freeAt <= time);
  }

  #dropSocket(): void {
    this.#stopDeadline();
    this.#endSilence?.();
    this.#cancelLeases?.();
    this.#cancelLeases = undefined;
    this.#takeEarly();
    const socket = this.#socket;
    this.#socket = this.#ownId = this.#welcomedAt = undefined;
    this.#unsent.clear();
    this.#next = [];
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }

  /** The tracker said something: what it still owes may take as long again. */
  #expectReplies(): void {
    this.#stopDeadline();
    if (this.#asked.size > 0) this.#startDeadline();
  }

  #startDeadline(ms = RESPONSE_TIMEOUT_MS): void {
    const due = this.#platform.now() + ms;
    this.#cancelDeadline = this.#platform.setTimer(ms, () => {
      const isWelcomeNext = this.#socket?.readyState === OPEN && this.#welcomedAt === undefined;
      if (!isWelcomeNext && this.#platform.now() < due + HELD_UP_MS) return this.#lost(0, true);
      this.#cancelDeadline = this.#platform.setTimer(HELD_UP_MS, () => this.#lost(0, true));
    });
  }

  #stopDeadline(): void {
    this.#cancelDeadline?.();
    this.#cancelDeadline = undefined;
  }

  #setState(state: TrackerState): void {
    this.#state = state;
    this.#handlers.onState(state, this.#ownId);
  }
}
