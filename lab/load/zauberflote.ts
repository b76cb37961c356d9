import { MAX_PEERS } from '@zauberflote/client/src/engine/tuning.ts';
import type { SessionResponse, Signal } from '@zauberflote/proto';
import {
  decodeSessionResponse,
  encodeSessionRequest,
  HashAlgorithm,
  SUBPROTOCOL,
} from '@zauberflote/proto';
import type { OfferAndAnswer } from './descriptions.ts';
import { PAIRS, pairOf } from './descriptions.ts';
import type { Client, Protocol } from './protocol.ts';
import type { LoadSocket } from './socket.ts';

const SIZE = 786_432n;

export const zauberflote: Protocol = {
  subprotocol: SUBPROTOCOL,
  offersOfItsClient: MAX_PEERS,
  client(socket, random) {
    const client = new Visitor(socket, random);
    return { client, ready: client.ready };
  },
};

interface Asking {
  readonly resolve: (answers: number) => void;
  readonly reject: (why: Error) => void;
  readonly offers: number;
  /** Offers that are out, by attempt. */
  readonly open: Map<number, OfferAndAnswer>;
  answers: number;
}

class Visitor implements Client {
  readonly socket: LoadSocket;
  readonly swarms: number[] = [];
  readonly ready: Promise<void>;
  readonly #random: () => number;
  readonly #fail: (why: Error) => void;
  #welcomed = () => {};
  #joining: (() => void) | undefined;
  #asking: Asking | undefined;
  #attempts = 0;

  constructor(socket: LoadSocket, random: () => number) {
    this.socket = socket;
    this.#random = random;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#welcomed = resolve;
    this.#fail = (why) => {
      reject(why);
      this.#asking?.reject(why);
    };
    socket.onEnd = this.#fail;
    socket.onMessage = (payload) => this.#hear(decodeSessionResponse(payload));
  }

  async join(swarm: number): Promise<void> {
    const named = new Promise<void>((resolve) => {
      this.#joining = resolve;
    });
    // As the client asks: the tracker decides how many it names.
    this.#want(swarm, 0);
    await named;
    const holdings = [{ content: contentOf(swarm), size: SIZE }];
    this.socket.send(encodeSessionRequest({ case: 'have', value: { holdings } }));
    this.swarms.push(swarm);
  }

  introduce(swarm: number, offers: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#asking = { resolve, reject, offers, open: new Map(), answers: 0 };
      // A single offer needs a single holder; more are asked for as the client asks.
      this.#want(swarm, offers === 1 ? 1 : 0);
    });
  }

  #want(swarm: number, maxPeers: number): void {
    const value = { contents: [contentOf(swarm)], maxPeers };
    this.socket.send(encodeSessionRequest({ case: 'want', value }));
  }

  #hear({ body }: SessionResponse): void {
    if (body.case === 'welcome') this.#welcomed();
    else if (body.case === 'signal') this.#signaled(body.value);
    else if (body.case === 'undeliverable')
      this.#fail(new Error(`undeliverable: reason ${body.value.reason}`));
    else if (body.case === 'error')
      this.#fail(new Error(`refused: code ${body.value.code}, ${body.value.message}`));
    else if (body.case === 'peers') {
      const holders = body.value.swarms[0]?.holders ?? [];
      if (this.#joining) {
        this.#joining();
        this.#joining = undefined;
      } else if (this.#asking) this.#offer(this.#asking, holders);
    }
  }

  #offer(asking: Asking, holders: readonly { readonly peerId: bigint }[]): void {
    if (holders.length === 0) asking.reject(new Error('the tracker named nobody'));
    for (const { peerId } of holders.slice(0, asking.offers)) {
      const pair = PAIRS[Math.floor(this.#random() * PAIRS.length)] as OfferAndAnswer;
      const attempt = ++this.#attempts;
      asking.open.set(attempt, pair);
      this.#signal(peerId, attempt, 'offer', pair);
    }
  }

  #signaled({ peerId, attempt, body }: Signal): void {
    if (body.case === 'offer') {
      const pair = pairOf(body.value.iceUfrag);
      if (!pair || pair.offer.pwd !== body.value.icePwd || body.value.candidates.length !== 2)
        throw new Error('an offer arrived that nobody sent');
      this.#signal(peerId, attempt, 'answer', pair);
    } else if (body.case === 'answer' && this.#asking) {
      const asking = this.#asking;
      const { icePwd, candidates } = body.value;
      if (asking.open.get(attempt)?.answer.pwd !== icePwd || candidates.length !== 2)
        return asking.reject(new Error('an answer arrived that does not fit the offer'));
      asking.open.delete(attempt);
      asking.answers++;
      if (asking.open.size > 0) return;
      this.#asking = undefined;
      asking.resolve(asking.answers);
    }
  }

  #signal(peerId: bigint, attempt: number, kind: 'offer' | 'answer', pair: OfferAndAnswer): void {
    const body = { case: kind, value: pair[kind].compact };
    const value = { peerId, attempt, body };
    this.socket.send(encodeSessionRequest({ case: 'signal', value }));
  }
}

function contentOf(swarm: number) {
  const digest = new Uint8Array(32);
  new DataView(digest.buffer).setUint32(0, swarm + 1);
  return { algorithm: HashAlgorithm.SHA256, digest };
}
